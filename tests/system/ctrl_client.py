"""A client of the CTRL interface, as a program of an operator would have it: GET, SET, and what comes as TRAP.

On the wire: two octets of length, 0xee (IPA's multiplex for Osmocom's extensions), 0x00 (CTRL), then text.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import socket
import struct
import time


class CtrlError(Exception):
	"""The daemon said ERROR."""


class Ctrl:
	def __init__(self, ip, port=4297, timeout=10):
		self.s = socket.create_connection((ip, port), timeout=timeout)
		self.traps = []		# (variable, value)
		self.id = 0

	def close(self):
		self.s.close()

	def _exactly(self, n):
		data = b""
		while len(data) < n:
			got = self.s.recv(n - len(data))
			if not got:
				raise ConnectionError("CTRL closed")
			data += got
		return data

	def receive(self):
		"""The next message, as text."""
		length, stream, ext = struct.unpack("!HBB", self._exactly(4))
		assert stream == 0xee and ext == 0, "no CTRL message"
		return self._exactly(length - 1).decode()

	def ask(self, text):
		"""Send "GET variable" or "SET variable value"; the value of the answer. Traps on the way are kept."""
		self.id += 1
		verb, rest = text.split(" ", 1)
		data = ("%s %d %s" % (verb, self.id, rest)).encode()
		self.s.sendall(struct.pack("!HBB", len(data) + 1, 0xee, 0) + data)
		while True:
			kind, ident, rest = self.receive().split(" ", 2)
			if kind == "TRAP":
				self._keep(rest)
			elif kind == "ERROR":
				raise CtrlError(rest)
			else:
				assert ident == str(self.id), "answer to %s, not to %d" % (ident, self.id)
				return rest.split(" ", 1)[1] if " " in rest else ""

	def get(self, variable):
		return self.ask("GET " + variable)

	def set(self, variable, value):
		return self.ask("SET %s %s" % (variable, value))

	def _keep(self, rest):
		variable, _, value = rest.partition(" ")
		self.traps.append((variable, value))

	def wait_trap(self, variable, part="", timeout=20):
		"""The first trap of that variable (its end) with that in its value; those before it stay."""
		end = time.monotonic() + timeout
		while True:
			for i, (name, value) in enumerate(self.traps):
				if name.endswith(variable) and part in value:
					return self.traps.pop(i)
			left = end - time.monotonic()
			if left <= 0:
				raise TimeoutError("no trap %s with '%s', only %s" % (variable, part, self.traps))
			self.s.settimeout(left)
			try:
				kind, _, rest = self.receive().split(" ", 2)
			except socket.timeout:
				continue
			finally:
				self.s.settimeout(10)
			if kind == "TRAP":
				self._keep(rest)
