"""The nine bugs that other products had: what is wrong, where it is sown, and which checks must find it."""

from tests.mutants.mutant import CLOUD, Mutant, Sown

NINE = (
    Mutant(
        "progress-when-fetched",
        "progress is stored when a batch is fetched instead of when it was sent",
        (
            Sown(
                "accelerator/cloud/statements.py",
                "0, CASE WHEN state <> 'in_flight' THEN now() END",
                "1, now()",
            ),
            Sown(
                "accelerator/cloud/statements.py",
                "SELECT %s, %s, position, address_key, address, recipient_id, state, code, reply,",
                "SELECT %s, %s, position, address_key, address, recipient_id,"
                " CASE state WHEN 'in_flight' THEN 'delivered' ELSE state END, code, reply,",
            ),
            Sown(
                "accelerator/cloud/entries.py",
                "one.recipient_id, one.state, one.code, one.reply)",
                "one.recipient_id, one.state.replace(IN_FLIGHT, 'delivered'), one.code, one.reply)",
            ),
            Sown("accelerator/cloud/entries.py", "*about, 0, settled_at", "*about, 1, standing.now"),
        ),
        (f"{CLOUD}/test_delivering.py",),
        outside=("faults: kill at intents.after",),
    ),
    Mutant(
        "batch-noted-before-it-is-there",
        "the same between dashboard and Cloud: a batch counts as transferred before it was",
        (
            Sown(
                "jobs/stages/transferring.py",
                "        client.put_batch(step.job_id, batch.number, spool.read(batch))\n",
                "",
            ),
            Sown(
                "jobs/stages/transferring.py",
                '        failpoints.reached("batch.noted")\n',
                '        failpoints.reached("batch.noted")\n'
                "        client.put_batch(step.job_id, batch.number, spool.read(batch))\n",
            ),
        ),
        ("tests/jobs/stages/test_transferring.py",),
        outside=("faults: kill at batch.noted",),
    ),
    Mutant(
        "retry-on-a-lost-reply",
        "a message whose final reply was lost is sent again",
        (
            Sown(
                "accelerator/cloud/smtp/line.py",
                'Result(Verdict.UNKNOWN, "", why) if message.dotted else untouched',
                "untouched",
            ),
        ),
        (f"{CLOUD}/test_delivering.py",),
        outside=("faults: line to the mail server is cut: the reply to the dot is lost",),
    ),
    Mutant(
        "claim-without-lock",
        "two workers claim the same work at once",
        (
            Sown(
                "accelerator/leases.py",
                'rows.filter(_free(), pk=pk).select_for_update(skip_locked=True, of=("self",)).first()',
                "rows.filter(_free(), pk=pk).first()",
            ),
        ),
        ("tests/accelerator/test_leases.py",),
        outside=("faults: broker loses 20 % and doubles 20 %, seed 1",),
    ),
    Mutant(
        "completion-without-epoch",
        "a worker that slept past its lease writes what it found",
        (
            Sown(
                "accelerator/leases.py",
                "filter(pk=row.pk, epoch=row.epoch)",
                "filter(pk=row.pk)",
            ),
        ),
        ("tests/accelerator/test_leases.py",),
        outside=("tests/races/test_machine.py",),
    ),
    Mutant(
        "wake-before-commit",
        "a worker is woken before what it is woken for is committed",
        (
            Sown(
                "jobs/control.py",
                "    transaction.on_commit(partial(tasks.wake, job.pk), robust=True)",
                "    tasks.wake(job.pk)",
            ),
        ),
        ("tests/jobs/test_tasks.py",),
        unseen="it costs seconds and no promise: the sweep wakes a worker again",
    ),
    Mutant(
        "cursor-over-uncommitted-rows",
        "positions are given when events are written, and become visible in another order",
        (
            Sown(
                "accelerator/cloud/events.py",
                '            cursor.execute(APPEND, [key, len(piece), json.dumps(piece, separators=(",", ":"))])\n',
                '            cursor.execute(APPEND, [key, len(piece), json.dumps(piece, separators=(",", ":"))])\n'
                "            fresh = LogEntry.objects.filter(mailing_id=key, first=None)\n"
                '            behind = LogEntry.objects.exclude(first=None).order_by("-first").first()\n'
                "            fresh.update(first=behind.first + behind.count if behind and behind.first else 1)\n",
            ),
        ),
        (f"{CLOUD}/test_events.py",),
        outside=("faults: broker killed again and again while it is sent",),
    ),
    Mutant(
        "cancel-without-compare-and-set",
        "a Job is moved without looking whether it still stands where it stood",
        (
            Sown(
                "jobs/lifecycle.py",
                "filter(pk=job.pk, state=origin, version=job.version)",
                "filter(pk=job.pk)",
            ),
        ),
        ("tests/jobs/test_control.py",),
        unseen="whoever moves a Job holds its lock, and has proved the epoch or the version under it",
    ),
    Mutant(
        "counters-by-increment",
        "each event that comes is counted, also when it comes again",
        (
            Sown(
                "jobs/results/facts.py",
                "        fresh = [Fact(*row) for row in cursor.fetchall()]\n",
                "        fresh = [Fact(*(getattr(event, name) for name in Fact._fields)) for event in page.events]\n",
            ),
        ),
        ("tests/jobs/results/test_facts.py",),
        outside=("tests/races/test_machine.py",),
    ),
    Mutant(
        "suppression-at-extraction-only",
        "who unsubscribes while a Job runs is contacted all the same",
        (
            Sown(
                "accelerator/cloud/ledger.py",
                "            entries.suppress(cursor, attempts, standing.account)\n",
                "",
            ),
        ),
        (f"{CLOUD}/test_delivering.py",),
        outside=("faults: people leave between two Jobs, and while a retry is due",),
    ),
)
