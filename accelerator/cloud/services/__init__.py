"""Hands messages to email service providers by their HTTP APIs (django-anymail) instead of the mail server.

definitions    what MAIL_SERVICES says, read when a process starts
building       a definition made ready to send, or the sentence that says what is wrong with it
requesting     one HTTP request, never repeated, that knows whether it may have left
parts          a composed message taken apart for anymail
outcomes       what an answer means for the recipient
line, calling  one call at a time in a thread; several of them, from the sender's thread
braking        stops when nothing clear is answered any more
webhooks       what a service tells afterwards, for `inbound.hooks`
files          settings that refer to a file
carrier        the whole, as `carriers` offers it

Only definitions, files, outcomes and carrier may be imported where django-anymail is not installed (the extra `esp`).
"""
