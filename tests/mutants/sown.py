"""The mutants as data: what is wrong, where it is sown, and which checks must find it."""

from dataclasses import dataclass

CLOUD = "tests/accelerator/cloud"


@dataclass(frozen=True)
class Sown:
    """An edit: in `file`, `right` (which stands there once) becomes `wrong`."""

    file: str
    right: str
    wrong: str


@dataclass(frozen=True)
class Mutant:
    """A bug. `checks`: test files or node ids, or "faults: CASE", one of which must fail."""

    name: str
    bug: str
    sown: tuple[Sown, ...]
    checks: tuple[str, ...]


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
        ),
        (f"{CLOUD}/test_delivering.py",),
    ),
    Mutant(
        "batch-noted-before-it-is-there",
        "the same between dashboard and Cloud: a batch counts as transferred before it was",
        (
            Sown(
                "jobs/stages/transferring.py",
                "        client.put_batch(step.job_id, batch.number, spool.read(batch))\n"
                '        failpoints.reached("batch.after")\n',
                "",
            ),
            Sown(
                "jobs/stages/transferring.py",
                '        failpoints.reached("batch.noted")\n',
                "        client.put_batch(step.job_id, batch.number, spool.read(batch))\n",
            ),
        ),
        ("tests/jobs/stages/test_transferring.py",),
    ),
    Mutant(
        "retry-on-a-lost-reply",
        "a message whose final reply was lost is sent again",
        (
            Sown(
                "accelerator/cloud/smtp.py",
                'return Result(Verdict.UNKNOWN if stage == "dot" else Verdict.CUT, "", "the line was cut")',
                'return Result(Verdict.CUT, "", "the line was cut")',
            ),
        ),
        (f"{CLOUD}/test_delivering.py",),
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
    ),
    Mutant(
        "cursor-over-uncommitted-rows",
        "positions are given when events are written, and become visible in another order",
        (
            Sown(
                "accelerator/cloud/events.py",
                '                mailing_id=key, count=len(piece), events=json.dumps(piece, separators=(",", ":"))\n'
                "            )\n",
                '                mailing_id=key, count=len(piece), events=json.dumps(piece, separators=(",", ":"))\n'
                "            )\n"
                "            fresh = LogEntry.objects.filter(mailing_id=key, first=None)\n"
                '            behind = LogEntry.objects.exclude(first=None).order_by("-first").first()\n'
                "            fresh.update(first=behind.first + behind.count if behind and behind.first else 1)\n",
            ),
        ),
        (f"{CLOUD}/test_events.py",),
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
    ),
    Mutant(
        "suppression-at-extraction-only",
        "who unsubscribes while a Job runs is contacted all the same",
        (Sown("accelerator/cloud/ledger.py", "            _suppress(cursor, attempts)\n", ""),),
        (f"{CLOUD}/test_delivering.py",),
    ),
)

MORE = (
    Mutant(
        "unknown-is-tried-again",
        "what a dead sender left in flight is sent again by the next",
        (
            Sown(
                "accelerator/cloud/statements.py",
                "SET state = 'unknown', attempts = intent.attempts + 1, settled_at = now(), due_at = NULL,",
                "SET state = 'deferred', attempts = intent.attempts, settled_at = now(), due_at = now(),",
            ),
        ),
        (f"{CLOUD}/test_delivering.py",),
    ),
    Mutant(
        "intent-without-the-mailing's-lock",
        "an intent may be committed after a pause was acknowledged",
        (Sown("accelerator/cloud/locking.py", "request_id IS NOT NULL FOR SHARE", "request_id IS NOT NULL"),),
        (f"{CLOUD}/test_locking.py",),
    ),
    Mutant(
        "an-older-control-wins",
        "a control that comes late undoes a later one",
        (
            Sown(
                "accelerator/cloud/intake.py",
                "    if request.seq <= mailing.seq:\n        return mailing\n",
                "",
            ),
        ),
        ("tests/contract/test_controls.py",),
    ),
    Mutant(
        "run-after-cancel",
        "a cancel at the Cloud is not final",
        (
            Sown(
                "accelerator/cloud/intake.py",
                "    if mailing.desired != Desired.CANCEL:\n        mailing.desired",
                "    if True:\n        mailing.desired",
            ),
        ),
        ("tests/contract/test_controls.py",),
    ),
    Mutant(
        "granted-without-acknowledgement",
        "Paused is shown before the Cloud has acknowledged",
        (
            Sown(
                "jobs/stages/controlling.py",
                "        except CloudUnreachable as error:\n            return following.wait(step, error)\n",
                "        except CloudUnreachable:\n"
                "            key, state = str(step.job_id), MailingState.UNKNOWN\n"
                "            status = MailingStatus(key=key, state=state, seq=ask.number)\n",
            ),
        ),
        ("tests/jobs/stages/test_behind_the_freeze.py",),
    ),
    Mutant(
        "notice-again-after-a-death",
        "a notification mail that may have left is sent again",
        (
            Sown(
                "jobs/notices.py",
                "    if notice.outcome == Notice.Outcome.HANDING_OVER:  # whoever was at it died\n",
                "    if False:\n",
            ),
        ),
        ("tests/jobs/test_notices.py",),
    ),
    Mutant(
        "intents-never-taken-back",
        "a pause leaves recipients in flight of whom nothing was sent",
        (Sown("accelerator/cloud/ledger.py", "        if positions:\n", "        if False:\n"),),
        (f"{CLOUD}/test_delivering.py",),
    ),
    Mutant(
        "a-restored-database-is-believed",
        "a database restored from an older copy sends again",
        (Sown("accelerator/marks.py", "        if behind and kept.height:\n", "        if False:\n"),),
        ("tests/accelerator/test_marks.py", f"{CLOUD}/test_restoring.py"),
    ),
    Mutant(
        "a-request-may-be-replayed",
        "a signed request that was overheard can be sent again",
        (Sown("accelerator/cloud/signing.py", "    if not remember(key_id, nonce):\n", "    if False:\n"),),
        ("tests/contract/test_signatures.py",),
    ),
    Mutant(
        "a-launch-for-each-click",
        "a double click on Launch, or a reload of its form, is a second Job",
        (
            Sown(
                "campaigns/launching.py",
                "        Launch.objects.create(campaign=current, job=job, by=by, token=token)\n",
                "        Launch.objects.create(campaign=current, job=job, by=by, token=uuid.uuid4())\n",
            ),
        ),
        ("tests/races/test_twenty_launches.py",),
    ),
    Mutant(
        "a-stop-of-an-old-wish",
        "a sender that was refused stops the mailing that a person has set going since",
        (
            Sown(
                "accelerator/cloud/guarding.py",
                "filter(key=key, seq=seq, stopped_code",
                "filter(key=key, stopped_code",
            ),
        ),
        (f"{CLOUD}/test_guarding.py",),
    ),
    Mutant(
        "another-account's-jobs-are-seen",
        "a page does not ask whose Job it is",
        (
            Sown(
                "jobs/models/job.py",
                "        return kept.filter(account__in=user.groups.all())\n",
                "        return kept\n",
            ),
        ),
        ("tests/security/test_urls.py",),
    ),
)

MUTANTS = NINE + MORE
