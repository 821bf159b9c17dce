"""The orders table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates `marketplace_order`."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("buyer", models.EmailField(max_length=254)),
                ("subject", models.CharField(max_length=200)),
                ("placed_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
