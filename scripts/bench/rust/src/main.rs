// The benchmark's server in Rust: full handshakes whose signatures KMS makes, on one thread. It answers nothing and waits for the
// client to close in order. The certificate is in the file that BENCH_CERT names; one JSON object a line tells of the port; the
// end of standard input ends it.
mod kms_signer;

use std::error::Error;

use kms_signer::KmsSigner;
use s2n_tls::{config, security};
use s2n_tls_tokio::TlsAcceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let chain = std::fs::read(std::env::var("BENCH_CERT")?)?;
    let mut builder = config::Builder::new();
    builder
        .set_security_policy(&security::DEFAULT)?
        .load_public_pem(&chain)?
        .set_private_key_callback(KmsSigner::from_environment()?)?;
    let acceptor = TlsAcceptor::new(builder.build()?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!(
        "{{\"event\":\"listening\",\"ports\":{{\"web\":{}}}}}",
        listener.local_addr()?.port()
    );
    tokio::select! {
        result = accept(&listener, &acceptor) => result?,
        result = end_of_input() => result?,
    }
    // tokio's thread that reads standard input would be waited for.
    std::process::exit(0);
}

async fn accept(listener: &TcpListener, acceptor: &TlsAcceptor) -> Result<(), Box<dyn Error>> {
    loop {
        let (tcp, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(tcp, &acceptor).await {
                println!("{{\"event\":\"failure\",\"reason\":{:?}}}", error.to_string());
            }
        });
    }
}

async fn serve(tcp: TcpStream, acceptor: &TlsAcceptor) -> Result<(), Box<dyn Error>> {
    tcp.set_nodelay(true)?;
    let mut tls = acceptor.accept(tcp).await?;
    let mut buffer = [0; 256];
    while tls.read(&mut buffer).await? > 0 {}
    tls.shutdown().await?;
    Ok(())
}

async fn end_of_input() -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; 256];
    let mut input = tokio::io::stdin();
    while input.read(&mut buffer).await? > 0 {}
    Ok(())
}
