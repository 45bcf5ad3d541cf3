// A TLS client on Go's crypto/tls, for the differential tests. It connects, sends a line, reads until the server ends, and
// prints what it saw as one line of JSON. Arguments: a JSON object, see `Exchange` in ../clients.ts.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

type exchange struct {
	Port     int      `json:"port"`
	Name     string   `json:"name"`
	Cert     string   `json:"cert"`
	Protocol string   `json:"protocol"`
	Alpn     []string `json:"alpn"`
	Send     string   `json:"send"`
}

type view struct {
	Protocol string `json:"protocol"`
	Alpn     string `json:"alpn"`
	Received string `json:"received"`
	Ending   string `json:"ending"`
	Failure  string `json:"failure"`
}

func main() {
	var asked exchange
	if err := json.Unmarshal([]byte(os.Args[1]), &asked); err != nil {
		panic(err)
	}
	answer := talk(asked)
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func talk(asked exchange) view {
	versions := map[string]uint16{"TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(asked.Cert))
	config := &tls.Config{
		RootCAs:    pool,
		ServerName: asked.Name,
		MinVersion: versions[asked.Protocol],
		MaxVersion: versions[asked.Protocol],
		NextProtos: asked.Alpn,
	}
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", asked.Port), config)
	if err != nil {
		return view{Failure: failureOf(err)}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	state := conn.ConnectionState()
	seen := view{Protocol: tls.VersionName(state.Version), Alpn: state.NegotiatedProtocol, Ending: "close_notify"}
	seen.Protocol = "TLSv" + seen.Protocol[len("TLS "):]
	if _, err := io.WriteString(conn, asked.Send); err != nil {
		seen.Failure = failureOf(err)
		return seen
	}
	received, err := io.ReadAll(conn)
	seen.Received = string(received)
	if err != nil {
		seen.Ending = "truncated"
		seen.Failure = failureOf(err)
	}
	return seen
}

func failureOf(err error) string {
	var alert tls.AlertError
	if errors.As(err, &alert) {
		return fmt.Sprintf("alert %d", uint8(alert))
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return "untrusted"
	}
	if text := err.Error(); len(text) > 20 && text[:20] == "remote error: tls: pr" {
		return "alert 70"
	}
	return err.Error()
}
