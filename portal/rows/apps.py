from django.contrib.admin.apps import AdminConfig


class RowsConfig(AdminConfig):
    default_site = "portal.rows.site.Rows"
