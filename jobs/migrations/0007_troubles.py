from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("jobs", "0006_extraction"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="troubles",
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]
