# SPDX-License-Identifier: Apache-2.0
"""The shell of a test guest (tests/vmi/guest/control), over the socket behind its port `control`."""
import socket

from harness import Failure, check


class Shell:
    def __init__(self, path):
        self.path, self.line = path, None

    def run(self, command, timeout=30):
        """What a shell command in the guest printed; a Failure unless it succeeded."""
        status, text = self.attempt(command, timeout)
        check(status == 0, f"in the guest: {command!r}: status {status}, {text[-300:]!r}")
        return text

    def attempt(self, command, timeout=30):
        """(exit status, output) of a shell command in the guest, one line."""
        check("\n" not in command, "a command is one line")
        if self.line is None:
            self.line = socket.socket(socket.AF_UNIX)
            self.line.connect(self.path)
        self.line.settimeout(timeout)
        try:
            self.line.sendall(command.encode() + b"\n")
            said = self.take(int(self.take(until=b"\n"))).decode(errors="surrogateescape")
            text, _, status = said.rpartition(".")
            return int(status), text
        except OSError as e:
            self.close()                    # an answer that comes late is nobody's
            raise Failure(f"in the guest: {command!r}: {e}") from e

    def take(self, length=None, until=None):
        got = bytearray()
        while not (got.endswith(until) if until else len(got) == length):
            part = self.line.recv(1 if until else length - len(got))
            check(part, "the guest's shell is gone")
            got += part
        return bytes(got)

    def begin(self, command):
        """Starts a command in the background of the guest; its PID there."""
        return int(self.run(f"{command} >/dev/null 2>&1 & echo $!"))

    def close(self):
        if self.line:
            self.line.close()
        self.line = None
