"""The SQL of the ledger: sets of rows at a time, because one row at a time is too slow for a sender."""

TOLD = """
SELECT restored_at IS NOT NULL, domain_rates FROM cloud_mailing WHERE key = %s
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
# Whoever was released is unknown again, and not unsent, where the mailing was cancelled before it was tried.
RECORD = """
UPDATE cloud_intent intent SET
    state = CASE WHEN outcome.state = 'deferred' AND intent.released AND %s THEN 'unknown' ELSE outcome.state END,
    code = outcome.code, reply = outcome.reply,
    attempts = intent.attempts + 1, due_at = now() + outcome.again_in * interval '1 second', settled_at = now()
FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::float8[])
    AS outcome (position, state, code, reply, again_in)
WHERE intent.batch_id = %s AND intent.position = outcome.position AND intent.state = 'in_flight'
RETURNING intent.state, intent.attempts, intent.position, intent.recipient_id, intent.code, intent.reply,
    intent.address_key
"""
# Of several entries for an address the last one says why: everybody's, and of those the oldest.
LISTED = """
SELECT address_key, reason FROM cloud_suppression
WHERE address_key = ANY(%s) AND account IN ('', %s) ORDER BY account DESC, id DESC
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
UPDATE cloud_intent intent SET state = attempt.state, code = attempt.code, reply = attempt.reply,
    due_at = CASE WHEN attempt.state = 'in_flight' THEN intent.due_at END,
    settled_at = CASE WHEN attempt.state = 'in_flight' THEN intent.settled_at ELSE now() END
FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[], %s::text[])
    AS attempt (position, tries, state, code, reply)
WHERE intent.batch_id = %s AND intent.position = attempt.position
    AND intent.state = 'deferred' AND intent.attempts = attempt.tries
RETURNING intent.position, intent.state
"""
PROVE = """
UPDATE cloud_intent intent SET state = 'delivered', code = '', reply = %s, due_at = NULL, settled_at = now()
FROM (
    SELECT id, state FROM cloud_intent
    WHERE batch_id = %s AND position = ANY(%s) AND state IN ('unknown', 'deferred') FOR UPDATE
) AS before
WHERE intent.id = before.id RETURNING before.state, position, recipient_id
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
