"""The mail receiver: a real SMTP server that plays the Internet for the demo, with an inbox page for people.

    python -m accelerator.demo.receiver --smtp-port 8003 --http-port 8002 --folder .data/receiver

It takes mail for every address and sends nothing on. What it answers is decided by the address alone
(`verdicts.py`), so that every run of a job meets the same Internet:

    97.9 %  accepted
     1.2 %  550 5.1.1  no such user
     0.5 %  451 4.7.1  greylisted: refused at the first attempt, accepted at a later one
     0.3 %  552 5.2.2  mailbox full
     0.1 %  451 4.3.0  temporarily unavailable, at every attempt

Staff of the demo company (`verdicts.STAFF_DOMAIN`) are always accepted; `--accept-all` accepts everybody. For
tests and curious people, an address whose local part begins with one of these words (defer@, defer1@, defer.ann@,
but not deferral@) meets that fault, whatever else is set:

    reject...         550 5.1.1 at RCPT, always
    full...           552 5.2.2 at RCPT, always
    defer...          451 4.3.0 at RCPT, always
    greylist...       451 4.7.1 at RCPT, once; accepted at the next attempt
    spam...           554 5.7.1 after the final dot, always: the message was read and refused
    slow...           accepted, and recorded, but the reply to the final dot comes SLOW seconds later
    dropbeforedot...  the line is cut instead of the 354 that asks for the message, once: nothing was taken
    dropafterdot...   accepted, and recorded, but the line is cut instead of the reply to the dot, always

What the people behind accepted addresses do with a campaign's message (one with a List-Unsubscribe header) is decided
by the address and the Message-ID (`acting.py`), and done through the links that stand in it, within
`--engagement-minutes` (10; 0 switches it off), at most RATE deeds a second (`readers.py`):

    30 %    open it, most of them in the first third of that time, some several times
     4.5 %  click one link or two: 15 % of those who open
     0.15 % unsubscribe: two thirds by one click (RFC 8058), one third by the form of the page
    25 %    of mailboxes have a privacy proxy before them, which opens everything at once; no person is seen there
     1 %    have a scanner before them, which follows every link within seconds

Only links that begin as the one in List-Unsubscribe does are visited, and only on this machine or at
`--tracking-origin`; no redirect is followed. Words for tests, as above; they are always accepted, and nothing else
happens at these addresses:

    opener...         opens once, within a second
    clicker...        opens once and clicks every link once, within a second
    leaver...         opens once and unsubscribes by one click, within a second
    reader...         opens once, when people do

The folder holds four things. `received.jsonl` has a line for every recipient of every accepted message (at,
sender, recipient, message_id, size), written before the 250 that answers for it; `refused.jsonl` has one for
every refusal (at, sender, recipient, kind, reply). The process may be killed at any instant: what was
answered 250 is in the log; with `--durable` (or RECEIVER_DURABLE=1) the machine may go down too. `acted.jsonl` has a
line for every deed (at, recipient, message_id, act, link, status), written when it was answered with success; `act`
is one of `acting.Act`, `link` the end of the URL or a digest of that. Deeds that wait are lost when the process ends.
`inbox.sqlite3` keeps messages in full for the inbox page (of a large job a sample, unless `--keep-everything` or
RECEIVER_KEEPS_EVERYTHING=1); it may lag behind the logs by half a second.
"""
