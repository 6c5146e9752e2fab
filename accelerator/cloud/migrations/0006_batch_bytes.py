from django.db import migrations


class Migration(migrations.Migration):
    """A batch's bytes are compressed when they come: PostgreSQL is not to try it again, at every batch."""

    dependencies = [("cloud", "0005_generations")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE cloud_batchbytes ALTER COLUMN data SET STORAGE EXTERNAL",
            "ALTER TABLE cloud_batchbytes ALTER COLUMN data SET STORAGE EXTENDED",
        )
    ]
