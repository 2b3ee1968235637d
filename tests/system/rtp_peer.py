"""The voice of a PBX: a UDP port that keeps what it hears and sends it back, byte by byte.

SPDX-License-Identifier: AGPL-3.0-or-later
Copyright (C) 2026 the osmo-sipgw authors
"""
import socket
import threading
import time


class RtpPeer(threading.Thread):
	"""Listens on one port until close(); packets are (time, payload type, payload)."""

	def __init__(self, bench, ip, port, echo=True):
		super().__init__(daemon=True)
		self.s = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
		self.s.bind((ip, port))
		self.s.settimeout(0.2)
		self.port, self.echo, self.packets, self.quit = port, echo, [], False
		bench.relays.append(self)
		self.start()

	def run(self):
		while not self.quit:
			try:
				data, addr = self.s.recvfrom(2048)
			except socket.timeout:
				continue
			except OSError:
				return
			if len(data) < 13 or data[0] != 0x80:  # osmo-mgw begins with a packet that is no RTP frame
				continue
			self.packets.append((time.monotonic(), data[1] & 0x7f, data[12:]))
			if self.echo:
				self.s.sendto(data, addr)

	def payloads(self, pt):
		return [p for _, t, p in self.packets if t == pt]

	def frames(self, head_len):
		"""The counters in the player's frames, in the order of arrival; head_len: octets of the codec before them."""
		return [int.from_bytes(p[head_len + 8:head_len + 12], "big") for _, _, p in self.packets if p[head_len:head_len + 4] == b"MSCP"]

	def close(self):
		self.quit = True
		self.join()
		self.s.close()


def amr_be_frame(payload):
	"""RFC 4867 4.3: one frame of bandwidth-efficient AMR. Returns CMR, F, FT, Q, and the frame's bits as a number with their count."""
	bits = int.from_bytes(payload, "big")
	n = 8 * len(payload)
	head = bits >> (n - 10)
	return head >> 6, head >> 5 & 1, head >> 1 & 15, head & 1, bits & ((1 << (n - 10)) - 1), n - 10
