from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from portal.accounts.models import AuditEvent, User
from portal.rows.readonly import ReadOnly

# Roles are memberships and superusers; groups would promise rights that nothing looks at.
admin.site.unregister(Group)


class NewUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ["email", "display_name"]


@admin.register(User)
class Users(UserAdmin, ModelAdmin):
    add_form = NewUserForm
    form = UserChangeForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    list_display = ["email", "display_name", "is_superuser", "is_active", "last_login"]
    list_filter = ["is_superuser", "is_active"]
    search_fields = ["email", "display_name"]
    fieldsets = [
        (None, {"fields": ["email", "display_name", "password"]}),
        (_("Rights"), {"fields": ["is_active", "is_superuser", "is_staff"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (
            None,
            {"fields": ["email", "display_name", "usable_password", "password1", "password2"]},
        ),
    ]

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        """An admin vouches for the address."""
        super().save_model(request, obj, form, change)
        EmailAddress.objects.update_or_create(
            user=obj, primary=True, defaults={"email": obj.email.lower(), "verified": True}
        )

    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = []


@admin.register(AuditEvent)
class AuditEvents(ReadOnly, ModelAdmin):
    list_display = ["at", "action", "by", "about", "request"]
    list_filter = ["action"]
    search_fields = ["about", "by__email", "request"]
    list_select_related = ["by"]
