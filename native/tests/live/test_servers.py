# SPDX-License-Identifier: EPL-2.0
"""Servers and their clients in one session, rewound, saved and restarted: what the client is told is right all the time."""
import os
import random
import shutil

import snapback_support as support

# What the drivers share: a server is started, asked until the test has seen enough, and ended.
DRIVER = '''
import http.client, os, signal, socket, subprocess, sys, time
journal = open(os.environ["LIVE_JOURNAL"], "a"); journal.flush()
def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
def connect(port):
    for _ in range(2000):
        try: return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError: time.sleep(0.01)
    raise SystemExit("the server does not listen")
def run(server, step):
    n = 0
    while n < 20 or not os.path.exists(os.environ["LIVE_STOP"]):
        n += 1
        step(n)
        journal.write("tick %d\\n" % n); journal.flush()
        time.sleep(0.002)
    server.terminate()
    server.wait()
    print("PASS", flush=True)
'''

PYTHON = DRIVER + '''
port = free_port()
server = subprocess.Popen([sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL)
connect(port).close()
text = open("text", "rb").read()
def step(n):
    c = http.client.HTTPConnection("127.0.0.1", port)
    c.request("GET", "/text")
    answer = c.getresponse()
    assert (answer.status, answer.read()) == (200, text)
    c.close()
run(server, step)
'''

NGINX = DRIVER + '''
port = free_port()
with open("nginx.conf", "w") as file:
    file.write("""daemon off; worker_processes 2; pid %(here)s/pid; error_log %(here)s/errors;
events { worker_connections 64; }
http { access_log off; client_body_temp_path %(here)s/t1; proxy_temp_path %(here)s/t2; fastcgi_temp_path %(here)s/t3;
       uwsgi_temp_path %(here)s/t4; scgi_temp_path %(here)s/t5;
       server { listen 127.0.0.1:%(port)d; root %(here)s; keepalive_requests 7; } }""" % dict(here=os.getcwd(), port=port))
server = subprocess.Popen([sys.argv[1], "-c", os.getcwd() + "/nginx.conf"])
connect(port).close()
text = open("text", "rb").read()
c = None
def step(n):
    global c
    c = c or http.client.HTTPConnection("127.0.0.1", port)
    c.request("GET", "/text")
    answer = c.getresponse()
    assert (answer.status, answer.read()) == (200, text)
    if n % 5 == 0:
        c.close(); c = None
run(server, step)
'''

REDIS = DRIVER + '''
port = free_port()
server = subprocess.Popen([sys.argv[1], "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
s = connect(port)
words = s.makefile("rwb")
def ask(*command):
    words.write(b"*%d\\r\\n" % len(command) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(w), w) for w in command)); words.flush()
    line = words.readline()
    assert line.endswith(b"\\r\\n"), line
    if line[:1] != b"$": return line[1:-2]
    return words.read(int(line[1:]) + 2)[:-2]
def step(n):
    assert ask(b"INCR", b"count") == b"%d" % n
    assert ask(b"SET", b"key%d" % (n % 50), b"x" * (n % 5000)) == b"OK"
    assert ask(b"GET", b"key%d" % (n % 50)) == b"x" * (n % 5000)
run(server, step)
assert server.returncode == 0
'''


class Servers(support.TestCase):
    def start(self, driver, program=None):
        path = program and shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin")
        if program and not path:
            self.skipTest(f"{program} is not installed")
        for name, text in (("driver.py", driver), ("text", "".join(f"line {n}\n" for n in range(3000)))):
            with open(self.path("work", name), "w", encoding="utf-8") as file:
                file.write(text)
        self.journal = support.Journal(self.folder)
        return self.launch(["/usr/bin/python3", "driver.py", *([path] if path else [])],
                           environment=self.environment(**self.journal.environment()))

    def wait_for_ticks(self, session, count):
        self.journal.wait_for_ticks(count, alive=lambda: session.process.poll() is None)

    def disturb(self, session, count=5):
        taken = []
        for _ in range(count):
            self.wait_for_ticks(session, CHOICE.randrange(1, 20))
            taken.append(session.snapshot())
            self.wait_for_ticks(session, CHOICE.randrange(1, 20))
            session.rewind(CHOICE.choice(taken))

    def check(self, driver, program=None):
        first = session = self.start(driver, program)
        self.wait_for_ticks(session, 5)
        self.disturb(session)
        image = self.path("saved.sbi")
        session.call("snapshot", "--save", "-o", image)
        session.end()
        session = self.restart(image, ["--force"], environment=session.environment)
        self.wait_for_ticks(session, 5)
        self.disturb(session, 2)
        self.journal.ask_to_end()
        self.assertEqual(session.wait(60), 0, session.shown())
        self.assertTrue(first.output_text().endswith("PASS\n"), first.output_text())

    def test_http_server_of_python(self):
        self.check(PYTHON)

    def test_nginx(self):
        self.check(NGINX, "nginx")

    def test_redis(self):
        self.check(REDIS, "redis-server")


CHOICE = random.Random(int(os.environ.get("SNAPBACK_STRESS_SEED", random.SystemRandom().randrange(10 ** 9))))

if __name__ == "__main__":
    support.main()
