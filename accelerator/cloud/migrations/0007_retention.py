from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("cloud", "0006_batch_bytes")]

    operations = [
        migrations.AddField(
            model_name="log",
            name="read",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="mailing",
            name="forgotten_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="mailing",
            name="over_at",
            field=models.DateTimeField(null=True),
        ),
    ]
