from django.db import migrations


class Migration(migrations.Migration):
    """Who was paused or failed before the freeze by a version that looked for no leftovers is looked at once more.

    After ten minutes: where a worker of that version still runs, it finds nothing to do in such a step and lets it go.
    """

    dependencies = [("jobs", "0007_troubles")]

    operations = [
        migrations.RunSQL(
            """
            INSERT INTO jobs_step (job_id, kind, epoch, attempts, due_at)
            SELECT id, 'collecting', 0, 0, now() + interval '10 minutes' FROM jobs_job
            WHERE (state = 'paused' AND paused_from = 'initializing')
                OR (state = 'failed' AND request_id IS NULL AND denied_at IS NULL)
            ON CONFLICT (job_id, kind) DO UPDATE
            SET due_at = EXCLUDED.due_at, leased_until = NULL, epoch = jobs_step.epoch + 1
            """,
            migrations.RunSQL.noop,
        )
    ]
