from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lobby", "0001_initial")]

    operations = [
        migrations.AlterField(model_name="room", name="code", field=models.CharField(max_length=40)),
    ]
