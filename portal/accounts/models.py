"""Accounts. No role is stored: staff is who has a shelter membership, admin is a superuser."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Creates users that log in with an e-mail address instead of a user name."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user whose address somebody vouches for; who signs up by a form has to prove it."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            EmailAddress.objects.using(self._db).create(
                user=user, email=user.email.lower(), verified=True, primary=True
            )
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Whoever logs in may type the address in capitals."""
        return self.get(email__iexact=username)


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)
    display_name = models.CharField(_("name"), max_length=80, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True, db_default="")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_account_per_email"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.email

    @property
    def is_admin(self) -> bool:
        return self.is_active and self.is_superuser


class AuditEvent(models.Model):
    """One thing that somebody did; written by `portal.accounts.audit` and never changed."""

    class Action(models.TextChoices):
        LOGGED_IN = "logged_in", _("logged in")
        LOGIN_FAILED = "login_failed", _("wrong password")
        PASSWORD_SET = "password_set", _("password set")
        ACCOUNT_EXPORTED = "account_exported", _("copy of the account taken")
        ACCOUNT_ERASED = "account_erased", _("account erased")
        MEMBER_ADDED = "member_added", _("member added")
        MEMBER_REMOVED = "member_removed", _("member removed")
        INVITED = "invited", _("invited")
        TOKEN_MADE = "token_made", _("token made")
        TOKEN_REVOKED = "token_revoked", _("token revoked")
        REINDEX_BEGUN = "reindex_begun", _("reindex begun")
        REINDEX_CANCELLED = "reindex_cancelled", _("reindex cancelled")
        VERSION_ACTIVATED = "version_activated", _("models switched")
        RETENTION_SET = "retention_set", _("retention set")
        BACKUP_MADE = "backup_made", _("backup made")
        RESTORED = "restored", _("restored from a backup")

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    action = models.CharField(_("action"), max_length=24, choices=Action)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    about = models.CharField(_("about"), max_length=200, blank=True)
    request = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.action} {self.about}"
