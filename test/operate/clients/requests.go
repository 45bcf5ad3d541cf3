// Sends requests over HTTP/2 with Go's net/http, four at a time, and prints how they were answered as one line of JSON.
// Arguments: the URL, and how many.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

type result struct {
	Answered int      `json:"answered"`
	Failures []string `json:"failures"`
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	client := &http.Client{Transport: transport}
	answers := result{Failures: []string{}}
	var lock sync.Mutex
	var workers sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := 0; i < count/4; i++ {
				err := send(client, os.Args[1])
				lock.Lock()
				if err == nil {
					answers.Answered++
				} else {
					answers.Failures = append(answers.Failures, err.Error())
				}
				lock.Unlock()
			}
		}()
	}
	workers.Wait()
	text, _ := json.Marshal(answers)
	fmt.Println(string(text))
}

func send(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.ProtoMajor != 2 || string(body) != "the whole body") {
		err = fmt.Errorf("HTTP/%d, body %q", response.ProtoMajor, body)
	}
	return err
}
