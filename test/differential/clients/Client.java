// A TLS client on Java's SSLSocket, for the differential tests: as client.go. Arguments: port, name, file of the certificate
// to trust, protocol, ALPN protocols with commas, the text to send. It prints what it saw, a JSON string a field.
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import java.util.List;

public final class Client {
  public static void main(String[] args) throws Exception {
    // Java's own lists of what is disabled must not decide what is tested here.
    Security.setProperty("jdk.tls.disabledAlgorithms", "");
    String protocol = "";
    String alpn = "";
    String received = "";
    String ending = "close_notify";
    String failure = "";
    try (SSLSocket socket = connect(args)) {
      socket.setSoTimeout(20_000);
      socket.startHandshake();
      protocol = socket.getSession().getProtocol();
      alpn = socket.getApplicationProtocol();
      socket.getOutputStream().write(args[5].getBytes(StandardCharsets.UTF_8));
      socket.getOutputStream().flush();
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try {
        socket.getInputStream().transferTo(bytes);
      } catch (SSLException | java.net.SocketException error) {
        ending = "truncated";
        failure = error.getMessage();
      }
      received = bytes.toString(StandardCharsets.UTF_8);
    } catch (IOException error) {
      failure = error.getMessage();
    }
    System.out.printf("{\"protocol\":\"%s\",\"alpn\":\"%s\",\"received\":\"%s\",\"ending\":\"%s\",\"failure\":\"%s\"}%n",
        protocol, alpn == null ? "" : alpn, received, ending, failure.replace("\"", "'"));
  }

  private static SSLSocket connect(String[] args) throws Exception {
    KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null, null);
    try (FileInputStream file = new FileInputStream(args[2])) {
      trusted.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    SSLSocket socket = (SSLSocket) context.getSocketFactory()
        .createSocket(InetAddress.getByName("127.0.0.1"), Integer.parseInt(args[0]));
    SSLParameters parameters = socket.getSSLParameters();
    parameters.setProtocols(new String[] {args[3]});
    parameters.setServerNames(List.of(new SNIHostName(args[1])));
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    if (!args[4].isEmpty()) parameters.setApplicationProtocols(args[4].split(","));
    socket.setSSLParameters(parameters);
    return socket;
  }
}
