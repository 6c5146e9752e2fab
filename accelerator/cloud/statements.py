"""The SQL of the ledger: sets of rows at a time, because one row at a time is too slow for a sender."""

TOLD = """
SELECT restored_at IS NOT NULL, domain_rates FROM cloud_mailing WHERE key = %s
"""
# By the clock that goes on while the mailing's row was waited for.
KEEP = """
UPDATE cloud_batch SET leased_until = clock_timestamp() + %s * interval '1 second' WHERE id = %s AND epoch = %s
"""
ORPHANS = """
UPDATE cloud_intent intent SET state = 'unknown', attempts = intent.attempts + 1, settled_at = now(), due_at = NULL,
    code = '', reply = %s
FROM (SELECT id, state FROM cloud_intent WHERE batch_id = %s AND state = ANY(%s) FOR UPDATE) AS before
WHERE intent.id = before.id RETURNING before.state, attempts, position, recipient_id, reply
"""
RETRIES = """
SELECT position, attempts FROM cloud_intent
WHERE batch_id = %s AND state = 'deferred' AND due_at <= now() ORDER BY due_at
"""
NEXT_RETRY = """
SELECT extract(epoch FROM min(due_at) - now())::float8 FROM cloud_intent
WHERE batch_id = %s AND state = 'deferred' AND due_at IS NOT NULL
"""
LOOK = """
SELECT mailing.desired = 'run' AND mailing.stopped_code = '' AND mailing.restored_at IS NULL
FROM cloud_batch batch JOIN cloud_mailing mailing ON mailing.key = batch.mailing_id
WHERE batch.id = %s AND batch.epoch = %s
"""
# All of one outcome: what differs is what the mail server said, an object of JSON by position (joined with arrays, each
# row is copied twice). Whoever was released is unknown again, and not unsent, where the mailing was cancelled before it
# was tried.
RECORD = """
UPDATE cloud_intent SET
    state = CASE WHEN %(state)s = 'deferred' AND released AND %(cancelled)s THEN 'unknown' ELSE %(state)s END,
    code = %(code)s, reply = %(replies)s::jsonb ->> position::text, attempts = attempts + 1,
    due_at = now() + %(again_in)s::float8 * interval '1 second', settled_at = now()
WHERE batch_id = %(batch)s AND position = ANY(%(positions)s::int[]) AND state = 'in_flight'
RETURNING state, attempts, position, recipient_id, address_key
"""
# Of several entries for an address the last one says why: everybody's, and of those the oldest. The keys are lines of
# one text, which is quoted in a hundredth of the time.
LISTED = """
SELECT address_key, reason FROM cloud_suppression
WHERE address_key = ANY(string_to_array(%s, chr(10))) AND account IN ('', %s) ORDER BY account DESC, id DESC
"""
# The fastest way to write rows, and it knows no conflicts: one address that is there already, and nothing is written.
COPY = """
COPY cloud_intent (mailing_id, batch_id, position, address_key, address, recipient_id, state, code, reply, attempts,
    settled_at) FROM STDIN
"""
INSERT = """
INSERT INTO cloud_intent (mailing_id, batch_id, position, address_key, address, recipient_id, state, code, reply,
    attempts, settled_at)
SELECT %s, %s, position, address_key, address, recipient_id, state, code, reply,
    0, CASE WHEN state <> 'in_flight' THEN now() END
FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS attempt (position, address_key, address, recipient_id, state, code, reply)
ON CONFLICT DO NOTHING RETURNING position, state
"""
RECLAIM = """
UPDATE cloud_intent intent SET state = attempt.state, code = attempt.code, reply = attempt.reply, shown = false,
    due_at = CASE WHEN attempt.state = 'in_flight' THEN intent.due_at END,
    settled_at = CASE WHEN attempt.state = 'in_flight' THEN intent.settled_at ELSE now() END
FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[], %s::text[])
    AS attempt (position, tries, state, code, reply)
WHERE intent.batch_id = %s AND intent.position = attempt.position
    AND intent.state = 'deferred' AND intent.attempts = attempt.tries
RETURNING intent.position, intent.state
"""
# What is in flight may still be refused, by a mail server that looked into the message: its reply says, if one comes.
SHOW = """
UPDATE cloud_intent SET shown = true WHERE batch_id = %s AND position = ANY(%s) AND state = 'in_flight'
"""
# Of whom nobody knows, or knew before a release; a definite no is believed unless `denied`. With `earlier` only those
# who showed it while it was in flight.
PROVE = """
UPDATE cloud_intent intent SET state = 'delivered', code = '', reply = %(reply)s, due_at = NULL, settled_at = now()
FROM (
    SELECT id, state FROM cloud_intent
    WHERE batch_id = %(batch)s AND position = ANY(%(positions)s) AND (shown OR NOT %(earlier)s)
        AND (state = 'unknown' OR state = 'deferred' AND (released OR %(denied)s))
    FOR UPDATE
) AS before
WHERE intent.id = before.id RETURNING before.state, position, recipient_id
"""
# Of whom nothing is told any more nothing is changed. Who was refused for now is tried again, whatever is said of an
# attempt; what is in flight has its own answer to come.
REFUSE = """
UPDATE cloud_intent intent SET state = 'bounced', code = %(code)s, reply = %(reply)s, due_at = NULL, settled_at = now()
FROM (
    SELECT id, state FROM cloud_intent
    WHERE batch_id = %(batch)s AND position = %(position)s AND address_key LIKE '%%@%%'
        AND (state IN ('delivered', 'unknown') OR state = 'deferred' AND released)
    FOR UPDATE
) AS before
WHERE intent.id = before.id RETURNING before.state, recipient_id, address_key
"""
FREE = """
UPDATE cloud_intent SET state = 'deferred', reply = %s, due_at = now(), released = true
WHERE batch_id = %s AND state = 'unknown'
"""
UNFREE = """
UPDATE cloud_intent SET state = 'unknown', due_at = NULL WHERE batch_id = %s AND state = 'deferred' AND released
"""
HELD_BY = """
WITH before AS (SELECT id, holder_id FROM cloud_batch WHERE id = %(batch)s)
UPDATE cloud_batch SET holder_id = %(holder)s FROM before WHERE cloud_batch.id = before.id RETURNING before.holder_id
"""
FORGET = """
UPDATE cloud_intent intent SET address_key = sealed.key, address = '', recipient_id = '', reply = ''
FROM unnest(%s::bigint[], %s::text[]) AS sealed (id, key) WHERE intent.id = sealed.id
"""
WITHDRAW_FIRST = """
DELETE FROM cloud_intent WHERE batch_id = %s AND position = ANY(%s) AND state = 'in_flight' AND attempts = 0
RETURNING position
"""
WITHDRAW_RETRY = """
UPDATE cloud_intent SET state = CASE WHEN released AND %s THEN 'unknown' ELSE 'deferred' END
WHERE batch_id = %s AND position = ANY(%s) AND state = 'in_flight'
RETURNING position, state
"""
