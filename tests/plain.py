"""What our tests ask speaks plain HTTP: no client has to read the machine's authorities, 30 ms of CPU each time."""

import ssl

# Whoever did show a certificate would not be believed.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
