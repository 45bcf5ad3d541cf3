// Answers s2n-tls's private-key operation with a signature of AWS KMS.
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_sdk_kms::Client;
use s2n_tls::callbacks::{ConnectionFuture, PrivateKeyCallback, PrivateKeyOperation};
use s2n_tls::connection::Connection;
use s2n_tls::error::Error as TlsError;

pub struct KmsSigner {
    client: Client,
    key: String,
}

type Signature = Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

impl KmsSigner {
    /// Of BENCH_KMS_KEY (P-256), BENCH_KMS_ENDPOINT, BENCH_KMS_REGION and the AWS credentials.
    pub fn from_environment() -> Result<Self, std::env::VarError> {
        let credentials = Credentials::new(
            std::env::var("AWS_ACCESS_KEY_ID")?,
            std::env::var("AWS_SECRET_ACCESS_KEY")?,
            None,
            None,
            "environment",
        );
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(std::env::var("BENCH_KMS_REGION")?))
            .endpoint_url(std::env::var("BENCH_KMS_ENDPOINT")?)
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            key: std::env::var("BENCH_KMS_KEY")?,
        })
    }
}

impl PrivateKeyCallback for KmsSigner {
    fn handle_operation(
        &self,
        _connection: &mut Connection,
        operation: PrivateKeyOperation,
    ) -> Result<Option<Pin<Box<dyn ConnectionFuture>>>, TlsError> {
        let mut digest = vec![0; operation.input_size()?];
        operation.input(&mut digest)?;
        let request = self
            .client
            .sign()
            .key_id(&self.key)
            .message(Blob::new(digest))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
        let signature = Box::pin(async move {
            let answer = request.send().await?;
            let signature = answer.signature.ok_or("KMS returned no signature")?;
            Ok(signature.into_inner())
        });
        Ok(Some(Box::pin(SignatureFuture {
            operation: Some(operation),
            signature,
        })))
    }
}

struct SignatureFuture {
    operation: Option<PrivateKeyOperation>,
    signature: Pin<Box<dyn Future<Output = Signature> + Send>>,
}

// SAFETY: `signature`, the one field that is not Sync, is reached through `&mut self` only.
unsafe impl Sync for SignatureFuture {}

impl ConnectionFuture for SignatureFuture {
    fn poll(
        mut self: Pin<&mut Self>,
        connection: &mut Connection,
        context: &mut Context,
    ) -> Poll<Result<(), TlsError>> {
        match self.signature.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(TlsError::application(error))),
            Poll::Ready(Ok(signature)) => {
                let operation = self.operation.take().expect("polled after it was ready");
                Poll::Ready(operation.set_output(connection, &signature))
            }
        }
    }
}
