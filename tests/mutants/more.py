"""More bugs, each against one of the promises."""

from tests.mutants.mutant import CLOUD, Mutant, Sown

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
                "        except CloudUnreachable as error:\n            return following.wait(step, error)\n"
                "        except CloudRefused",
                "        except CloudUnreachable:\n"
                "            key, state = str(step.job_id), MailingState.UNKNOWN\n"
                "            status = MailingStatus(key=key, state=state, seq=ask.number)\n"
                "        except CloudRefused",
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
        (Sown("accelerator/cloud/ledger.py", "        if withdrawn:\n", "        if False:\n"),),
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
        (
            Sown(
                "accelerator/cloud/signing.py",
                "    if not remember(key_id, nonce, int(request.headers[protocol.HEADER_TIME])):\n",
                "    if False:\n",
            ),
        ),
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
    Mutant(
        "an-outcome-counts-again",
        "an outcome that is recorded a second time is counted a second time",
        (
            Sown(
                "accelerator/cloud/statements.py",
                "position = ANY(%(positions)s::int[]) AND state = 'in_flight'",
                "position = ANY(%(positions)s::int[])",
            ),
        ),
        (f"{CLOUD}/test_ledger.py",),
    ),
    Mutant(
        "a-retry-of-an-older-try",
        "a retry is sent that was prepared before another one was",
        (
            Sown(
                "accelerator/cloud/statements.py",
                "AND intent.state = 'deferred' AND intent.attempts = attempt.tries",
                "AND intent.state = 'deferred'",
            ),
        ),
        (f"{CLOUD}/test_ledger.py",),
    ),
    Mutant(
        "handing-over-without-the-fence",
        "a worker that slept past its lease hands a notification mail over that has been handed over since",
        (
            Sown(
                "jobs/notices.py",
                '        failpoints.reached("notice.before")\n        with leases.holding(notice):\n',
                '        failpoints.reached("notice.before")\n        with suppress():\n',
            ),
        ),
        ("tests/jobs/test_notices.py",),
    ),
    Mutant(
        "an-unsubscribe-enters-no-list",
        "who unsubscribed is told so, and gets the next mail all the same",
        (
            Sown(
                "accelerator/cloud/objecting.py",
                "        suppressing.by_rule(",
                "        (lambda keys, reason: None)(",
            ),
        ),
        (f"{CLOUD}/test_objecting.py",),
        outside=("faults: kill at objection.after",),
    ),
    Mutant(
        "an-open-is-answered-and-lost",
        "an open is answered without being recorded",
        (
            Sown(
                "accelerator/cloud/tracking.py",
                "        hits.keep(hits.Visit(reading.batch_pk, reading.position, KINDS[kind], number, machine))\n",
                "        if kind != links.OPEN:\n"
                "            hits.keep(hits.Visit(reading.batch_pk, reading.position, KINDS[kind], number, machine))\n",
            ),
        ),
        (f"{CLOUD}/test_tracking.py",),
        outside=("faults: raise at hit.after",),
    ),
    Mutant(
        "a-hit-is-answered-before-it-is-committed",
        "whoever hits is told that it is kept as soon as it is in the queue",
        (
            Sown(
                "accelerator/cloud/hits/keeping.py",
                "        return waiting.is_kept()\n",
                "        return True\n",
            ),
        ),
        (f"{CLOUD}/hits/test_keeping.py",),
    ),
    Mutant(
        "a-hit-has-no-name",
        "a hit that is kept by the database and by a file, because nobody knew, counts twice",
        (
            Sown(
                "accelerator/cloud/hits/visits.py",
                "float(at), uuid.UUID(name))\n",
                "float(at), uuid.uuid4())\n",
            ),
        ),
        (f"{CLOUD}/hits/test_keeping.py", f"{CLOUD}/hits/test_journal.py"),
    ),
    Mutant(
        "a-file-of-hits-is-deleted-before-the-database-has-it",
        "hits that wait in a file are lost if the database fails while they go there",
        (
            Sown(
                "accelerator/cloud/hits/journal.py",
                "                    visits = self._visits(lines)\n",
                "                    self._path.unlink()\n                    visits = self._visits(lines)\n",
            ),
            Sown(
                "accelerator/cloud/hits/journal.py",
                "                self._path.unlink()\n        except (FileNotFoundError",
                "        except (FileNotFoundError",
            ),
        ),
        (f"{CLOUD}/hits/test_journal.py",),
    ),
    Mutant(
        "what-was-opened-a-moment-ago-is-sent-again",
        "an open shows that the message has arrived only when it is told",
        (
            Sown(
                "accelerator/cloud/hits/keeping.py",
                "        _prove(cursor, visits)\n",
                "",
            ),
        ),
        (f"{CLOUD}/test_proving.py",),
    ),
    Mutant(
        "the-cloud-wakes-before-commit",
        "a sender is woken before the control that it is woken for is committed",
        (
            Sown(
                "accelerator/cloud/views.py",
                "    if answer.desired == protocol.Desired.RUN:\n        tasks.wake_all()\n    return answer\n",
                "    return answer\n",
            ),
            Sown(
                "accelerator/cloud/views.py",
                '        failpoints.reached("apply.before")\n',
                "        if answer.desired == protocol.Desired.RUN:\n            tasks.wake()\n",
            ),
        ),
        (f"{CLOUD}/test_tasks.py",),
    ),
    Mutant(
        "a-silent-line-is-waited-for",
        "an extraction that was cancelled waits for a warehouse that says nothing",
        (
            Sown(
                "jobs/warehouses/apart.py",
                "            if self._end_by is not None and time.monotonic() > self._end_by:\n",
                "            if False:\n",
            ),
        ),
        ("tests/jobs/stages/test_broken_lines.py",),
    ),
    Mutant(
        "a-broken-warehouse-is-tried-for-ever",
        "a warehouse that breaks in the middle of each try begins anew each time",
        (
            Sown(
                "jobs/stages/initializing.py",
                'update(waiting_since=Now(), troubles=F("troubles") + 1)\n',
                "update(waiting_since=Now())\n",
            ),
        ),
        ("tests/jobs/stages/test_broken_lines.py",),
    ),
    Mutant(
        "a-dead-workers-files-stay",
        "what a worker had extracted who was killed stays while the Job is Paused",
        (
            Sown(
                "jobs/stages/collecting.py",
                "    if job.before_freeze:\n        return leftovers.clear(step)\n",
                "    if job.before_freeze:\n        return None\n",
            ),
        ),
        ("tests/jobs/stages/test_leftovers.py",),
    ),
    Mutant(
        "a-new-attempt-is-deleted-with-the-old",
        "who deletes what an extraction left does not look whether the Job was resumed meanwhile",
        (
            Sown(
                "jobs/stages/leftovers.py",
                "below=None if job.rests else next_attempt",
                "below=None",
            ),
        ),
        ("tests/jobs/stages/test_leftovers.py",),
    ),
    Mutant(
        "a-request-is-made-again",
        "the HTTP library repeats a request to a service where the answer asks for that",
        (
            Sown(
                "accelerator/cloud/services/requesting.py",
                "    session.get_redirect_target = lambda resp: None",
                "    lambda resp: None",
            ),
        ),
        (f"{CLOUD}/services/test_requesting.py",),
    ),
    Mutant(
        "a-begun-request-is-untouched",
        "a request to a service that was cut on its way is sent again",
        (
            Sown(
                "accelerator/cloud/services/outcomes.py",
                "Result(Verdict.UNKNOWN if begun else Verdict.AWAY",
                "Result(Verdict.AWAY",
            ),
        ),
        (f"{CLOUD}/services/test_outcomes.py",),
    ),
    Mutant(
        "a-call-that-was-called-off-leaves",
        "who was taken back by a pause is sent to by a call that was still connecting",
        (
            Sown(
                "accelerator/cloud/services/requesting.py",
                "            if self._called_off:\n",
                "            if False:\n",
            ),
        ),
        (f"{CLOUD}/services/test_requesting.py",),
    ),
    Mutant(
        "a-bounce-by-an-address-alone",
        "somebody is bounced because anybody says so of their address",
        (
            Sown(
                "accelerator/cloud/inbound/matching.py",
                'composing.message_name(intent.mailing_id, intent.address_key or "") in names',
                "names",
            ),
        ),
        (f"{CLOUD}/inbound/test_taking.py",),
    ),
    Mutant(
        "an-unsigned-return-address",
        "an address that mails come back to is believed whoever wrote it",
        (
            Sown(
                "accelerator/cloud/links.py",
                "    elif not hmac.compare_digest(mac, _mac(kind, said, key)):",
                "    elif False:",
            ),
        ),
        (f"{CLOUD}/inbound/test_taking.py",),
    ),
    Mutant(
        "a-return-in-flight-is-forgotten",
        "a bounce that comes before the sender knows what came of the message is taken and lost",
        (Sown("accelerator/cloud/ledger.py", "            raise InFlight", "            return False"),),
        (f"{CLOUD}/test_refusing.py",),
    ),
    Mutant(
        "who-is-put-off-is-bounced",
        "a bounce of an earlier attempt ends the retries of who was refused for now",
        (
            Sown(
                "accelerator/cloud/statements.py",
                "(state IN ('delivered', 'unknown') OR state = 'deferred' AND released)",
                "state IN ('delivered', 'unknown', 'deferred')",
            ),
        ),
        (f"{CLOUD}/test_refusing.py",),
    ),
    Mutant(
        "a-quoted-message-unsubscribes",
        "who answers a mail, or has it sent on, is unsubscribed by the address that is quoted in it",
        (
            Sown(
                "accelerator/cloud/inbound/taking.py",
                "*ADDRESSEES.findall(header)])",
                "mail])",
            ),
        ),
        (f"{CLOUD}/inbound/test_taking.py",),
    ),
)
