"""A TLS client on Python's ssl, for the differential tests: as client.go. Argument: a JSON object, see `Exchange` in
../clients.ts. The text is sent as Latin-1, so that it can be any bytes."""

import json
import socket
import ssl
import sys

VERSIONS = {
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def context_for(asked):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=asked["cert"])
    context.minimum_version = context.maximum_version = VERSIONS[asked["protocol"]]
    if asked["protocol"] == "TLSv1.1":
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    if asked["alpn"]:
        context.set_alpn_protocols(asked["alpn"])
    return context


def talk(asked):
    seen = {"protocol": "", "alpn": "", "received": "", "ending": "", "failure": ""}
    tcp = socket.create_connection(("127.0.0.1", asked["port"]), timeout=20)
    try:
        # By default Python takes a FIN without close_notify for an end in order.
        tls = context_for(asked).wrap_socket(tcp, server_hostname=asked["name"], suppress_ragged_eofs=False)
    except (ssl.SSLError, OSError) as error:
        seen["failure"] = getattr(error, "reason", None) or type(error).__name__
        return seen
    seen["protocol"] = tls.version()
    seen["alpn"] = tls.selected_alpn_protocol() or ""
    received = b""
    try:
        tls.sendall(asked["send"].encode("latin-1"))
        seen["ending"] = "close_notify"
        while part := tls.recv(65536):
            received += part
    except (ssl.SSLError, OSError) as error:
        seen["ending"] = "truncated"
        seen["failure"] = getattr(error, "reason", None) or type(error).__name__
    seen["received"] = received.decode("latin-1")
    return seen


print(json.dumps(talk(json.loads(sys.argv[1]))))
