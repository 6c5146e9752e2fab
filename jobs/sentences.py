"""What people read about a Job: refusals, failures and notification mails. Pure functions of a Job, no side effects."""

from django.conf import settings

from accelerator.protocol import Counts
from jobs.models import Job
from jobs.states import Failure, State, Wish

NOBODY = "Nobody was contacted."
# What a sentence ends with.
ENDS = (".", "?", "!", "…")

# In the place of whatever could name a person, once a Job's time is over (`jobs.retention`).
FORGOTTEN = "The details were deleted after the retention period."

# Why everything stands still, and what became of a mail, when the database was restored from an older copy.
RESTORED = (
    "The dashboard's database was restored from an older copy, which may not know what has happened since. "
    "Compare with the mail server's log before you resume or cancel."
)
RESTORED_NOTICE = (
    "The database was restored from an older copy, which does not know whether it was handed over."
)
HELD = (
    "The dashboard's database was restored from an older copy: this campaign may have been launched since. "
    "When an admin has reviewed that (manage.py restored --reviewed), campaigns can be launched again."
)


def acknowledged(wish: Wish, granted: bool) -> str:
    """The message that acknowledges an Ask."""
    if granted:
        return {
            Wish.PAUSE: "Paused. The extraction is being stopped; a resume starts it again from the beginning.",
            Wish.RESUME: "Resumed. The extraction starts again from the beginning.",
            Wish.CANCEL: "Cancelled during extraction. Nobody is contacted; a notification mail is on its way.",
        }[wish]
    return {
        Wish.PAUSE: "Pause asked. The Job shows Paused once the Cloud has confirmed.",
        Wish.RESUME: "Resume asked. The Job goes on once the Cloud has confirmed.",
        Wish.CANCEL: "Cancel asked. The Job shows Failed once the Cloud has confirmed; this can't be undone.",
    }[wish]


def stale(job: Job, wish: Wish, *, window_closed: bool) -> str:
    """Why an Ask made on an outdated page is refused; `window_closed`: the freeze came after what the person saw."""
    if wish is Wish.CANCEL and window_closed and job.state in (State.PROCESSING, State.COLLECTING):
        return (
            "Too late for an Extraction Cancel: the extraction has finished and the Job is "
            f"{State(job.state).label}. Pause the Job, then cancel it."
        )
    return (
        f"The Job has changed since your page was loaded: it is {State(job.state).label} now. "
        "Nothing was done; look at it as it is now and choose again."
    )


def not_offered(job: Job, wish: Wish, pending: Wish | None) -> str:
    """Why an Ask is refused that the Job's state does not offer."""
    label = State(job.state).label
    if pending is Wish.CANCEL:
        return "A cancel was asked before and is final; it takes effect once the Cloud has confirmed."
    if pending is wish:
        return f"{wish.label} was asked already; it takes effect once the Cloud has confirmed."
    if wish is Wish.CANCEL and job.state != State.PAUSED and not job.rests:
        return "Pause the Job before cancelling it."
    if job.rests:
        return f"The Job is {label}: it will not change any more."
    return f"{wish.label} is not possible while the Job is {label}."


def size_question(job: Job) -> str:
    """Why a Job waits before the freeze: its size is far from the last one. Empty where it does not wait."""
    if not job.awaits_confirmation:
        return ""
    found, last = job.size_found or 0, job.instructions.last_size
    told = f"The Audience has {found:,} records"
    if last is not None:
        told += f"; the last size known of it was {last:,}{_change(found, last)}"
    if job.size_confirmed is not None:
        told += f". Somebody has confirmed {job.size_confirmed:,} since, and it has changed again"
    return f"{told}. Nobody is contacted before somebody confirms."


def _change(found: int, last: int) -> str:
    """By how many per cent; from nothing there is no share."""
    if not last:
        return ""
    share = (found - last) / last * 100
    digits = 0 if abs(share) >= 10 else 1
    return f", that is {share:+,.{digits}f}\N{NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")


def size_confirmed(size: int) -> str:
    """The message that acknowledges a confirmed size."""
    return (
        f"{size:,} recipients are confirmed. The Audience is extracted again from the beginning; if its size is about "
        "the same, the Job goes on."
    )


def size_not_confirmable(job: Job, size: int) -> str:
    """Why a size is not confirmed."""
    if job.awaits_confirmation:
        return (
            f"The Audience has {job.size_found:,} records now, not {size:,}: it was extracted again since your page "
            "was loaded. Nothing was done; look at it as it is now and choose again."
        )
    if job.state == State.INITIALIZING:
        return "The Job does not wait for a confirmation: its Audience is being extracted. Nothing was done."
    label = State(job.state).label
    if job.state == State.PAUSED:
        return f"The Job is {label}. A resume extracts the Audience again, and asks again if its size is far off."
    return f"The Job is {label}: it does not wait for a confirmation. Nothing was done."


def window(job: Job) -> str:
    """Whether an Extraction Cancel is still possible; empty where nothing is to be said of it."""
    if job.rests:
        return ""
    if job.before_freeze:
        return "Cancelling now contacts nobody."
    if job.state != State.PAUSED:
        return "The window for an Extraction Cancel has closed. To stop this Job, pause it, then cancel it."
    if job.request_id:
        return (
            "The window for an Extraction Cancel has closed: a cancel stops whatever has not been sent yet."
        )
    return ""


def submission(job: Job) -> str:
    """Of a Job that Failed without a Request ID: how far its submission came."""
    if job.frozen_at is None:
        return "Never attempted: the extraction had not finished"
    return "Never accepted; no record was transferred"


def extraction_cancelled(by: str) -> str:
    """Failed by an Extraction Cancel."""
    return (
        f"{by} cancelled the Job before it reached the Cloud. {NOBODY} "
        "To contact this audience after all, launch the campaign again."
    )


def cancelled(by: str, counts: Counts) -> str:
    """Failed by a Job Cancel; `counts` are those of the Cloud's acknowledgement. True however late it is read."""
    attempted = (
        f" {counts.in_flight:,} more were being attempted, and may have received it too."
        if counts.in_flight
        else ""
    )
    return (
        f"{by} cancelled the Job. {counts.delivered:,} people had received the message.{attempted} "
        "Nobody else is contacted. Results of those contacted are collected for as long as any Job's."
    )


def overtaken(counts: Counts) -> str:
    """Failed because the database was restored to a time at which the Job was still extracting."""
    reached = counts.delivered + counts.in_flight + counts.unknown
    return (
        "The dashboard's database was restored from an older copy, in which this Job was still extracting. The Cloud "
        f"had it already, and has stopped it: {reached:,} of {counts.transferred:,} people had received the message "
        "or may have. Nobody else is contacted. To reach the others, launch the campaign again for them alone."
    )


def known_after_all(job: Job, counts: Counts) -> str:
    """Failed without having been submitted, and the Cloud, asked, has it all the same."""
    reached = counts.delivered + counts.in_flight + counts.unknown
    said = job.failure_sentence.replace(f" {NOBODY}", "")
    return (
        f"{said} But the Cloud, asked, had a mailing of this Job, and has stopped it: {reached:,} people had received "
        "the message or may have, and nobody else is contacted. An admin must find out how that came about."
    )


def cancelled_in_review(by: str) -> str:
    """Failed by a cancel of a Job that the Cloud does not have, by a database that may not know everything."""
    return (
        f"{by} cancelled the Job. The dashboard's database was restored from an older copy, which does not know "
        "whether this Job contacted people since: compare with the mail server's log before you launch the campaign "
        "again."
    )


def never_started(sentence: str) -> str:
    """A failure of a Job that the Cloud never accepted, with what it means for the recipients.

    The sentence may be a warehouse's or the Cloud's: without a full stop, or with these words in it.
    """
    if NOBODY in sentence:
        return sentence
    return f"{sentence}{'' if sentence.endswith(ENDS) else '.'} {NOBODY}"


def paused(why: str, reason: str) -> str:
    """Why a Job is paused by a person, and by the Cloud too, if it had a `reason` at that moment."""
    if not reason:
        return why
    mark = "" if not why or why.endswith(ENDS) else "."
    return f"{why}{mark} The Cloud had stopped it by itself at that moment: {reason}".strip()


def stopped(sentence: str) -> str:
    """A failure of a Job that the Cloud may have begun with, with what it means for the recipients."""
    return f"{sentence} The mailing was stopped: the counts say who had been contacted by then, and nobody else is."


def notice(job: Job) -> tuple[str, str]:
    """Subject and body of the notification mail of a Job that failed before anybody was contacted."""
    cancelled = job.failure == Failure.EXTRACTION_CANCELLED
    what = "Cancelled before anybody was contacted" if cancelled else "Failed before anybody was contacted"
    body = "\n".join(
        [
            f"{what}: the Job of campaign “{job.instructions.campaign}”.",
            f"Launched {job.created_at:%d %b %Y at %H:%M} UTC.",
            "",
            job.failure_sentence,
            "",
            "It has no Request ID, because its instructions were never accepted by the Cloud.",
            f"The Job: {settings.PUBLIC_URL.rstrip('/')}{job.get_absolute_url()}",
            "",
        ]
    )
    return f"{what}: {' '.join(job.instructions.campaign.split())}"[:200], body


def cancel_warning(job: Job) -> list[str]:
    """What a cancel at this moment would and would not stop, before it is confirmed."""
    if job.before_freeze or job.request_id is None:
        return [
            "Cancelling now contacts nobody: no record has been sent to the Cloud.",
            f"A notification mail goes to {job.instructions.notification_address}.",
            "This can't be undone; to contact this audience after all, launch the campaign again.",
        ]
    counts = job.counts
    rest = (job.extracted or 0) - counts.transferred + counts.waiting + counts.deferred
    warning = [f"{counts.delivered:,} people have received this message."]
    if counts.in_flight:
        warning.append(f"{counts.in_flight:,} are being attempted and may still receive it.")
    warning.append(f"{rest:,} will not be contacted.")
    warning.append("No notification mail is sent. This can't be undone.")
    return warning


def delete_warning() -> list[str]:
    """What deleting a Job means, before it is confirmed."""
    return [
        "We advise against it: a Job's results and its timeline are the only record of who was contacted, and why.",
        "The Job disappears from the pages, from search and from the admin. This can't be undone.",
        "Nothing changes for the recipients: unsubscribe links in their mails go on working.",
    ]


def not_deletable(job: Job) -> str:
    """Why a Job is not deleted."""
    if job.deleted_at:
        return "The Job was deleted already."
    return f"The Job is {State(job.state).label}. Only a Job that is Completed or Failed can be deleted."


def large_job(job: Job) -> str | None:
    """The advice for Jobs over the limit: let support help before cancelling."""
    if (job.extracted or 0) <= settings.LARGE_JOB:
        return None
    request_id = f", giving Request ID {job.request_id}" if job.request_id else ""
    return (
        f"This Job has more than {settings.LARGE_JOB:,} records. We advise to pause it and write to "
        f"{settings.SUPPORT_EMAIL}{request_id} before cancelling."
    )


def support(job: Job) -> str:
    """How to get help; stands on every Job page."""
    request_id = f", giving Request ID {job.request_id}" if job.request_id else ""
    return f"Need help pausing? Write to {settings.SUPPORT_EMAIL}{request_id}."
