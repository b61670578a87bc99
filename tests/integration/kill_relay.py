"""Stands where a reading process stands and passes the frames on to a warm one: `python -I -S kill_relay.py SOCKET`.

Only so that fifty restarts do not cost fifty imports: what reads is the real worker's own code (`kill_driver.serve_readers`).
"""

import os
import select
import socket
import sys

link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
while True:
    ready, _, _ = select.select([0, link], [], [])
    if 0 in ready:
        part = os.read(0, 1 << 20)
        if not part:
            break
        link.sendall(part)
    if link in ready:
        part = link.recv(1 << 20)
        if not part:
            break
        os.write(1, part)
