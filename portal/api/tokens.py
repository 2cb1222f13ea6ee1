"""Tokens of the signed-in user: made and revoked in the browser, never by a token."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import services
from portal.api.calls import Call
from portal.api.models import ApiToken
from portal.api.permissions import SignedIn, is_admin
from portal.shelters.models import Shelter


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    shelter = serializers.SerializerMethodField(help_text="slug; null: all that its user may")
    scopes = serializers.ListField(child=serializers.ChoiceField(ApiToken.Scope.choices))

    class Meta:
        model = ApiToken
        fields = [
            "id", "name", "hint", "scopes", "shelter", "created_at", "last_used_at", "expires_at",
        ]  # fmt: skip
        ref_name = "Token"

    def get_shelter(self, token: ApiToken) -> str | None:
        return token.shelter.slug if token.shelter else None


class NewToken(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80, help_text="what it is for")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(ApiToken.Scope.choices), default=list, max_length=3
    )
    shelter = serializers.CharField(max_length=140, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)

    class Meta:
        ref_name = "NewToken"

    def validate_expires_at(self, value: Any) -> Any:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This time is past.")
        return value


class MadeToken(TokenSerializer):
    token = serializers.CharField(help_text="shown this once")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        ref_name = "MadeToken"


class Tokens(Call):
    authentication_classes = [SessionAuthentication]
    permission_classes = [SignedIn]

    @extend_schema(operation_id="tokens_list", responses=TokenSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your tokens that are not revoked."""
        if self.caller() is None:
            self.permission_denied(request)
        tokens = ApiToken.objects.filter(user=request.user, revoked_at=None)
        return Response(TokenSerializer(tokens.select_related("shelter"), many=True).data)

    @extend_schema(operation_id="tokens_create", request=NewToken, responses={201: MadeToken})
    def post(self, request: Request) -> Response:
        """A new token. It reads what you may read; `write`, `search` and `admin` allow more."""
        sent = NewToken(data=request.data)
        sent.is_valid(raise_exception=True)
        values = sent.validated_data
        shelter = None
        if "shelter" in values:
            shelters = Shelter.objects.staffed_by(request.user)
            shelter = shelters.filter(slug=values["shelter"]).first()
            if shelter is None:
                raise serializers.ValidationError({"shelter": ["This is none of your shelters."]})
        if ApiToken.Scope.ADMIN in values["scopes"] and not is_admin(request.user):
            raise serializers.ValidationError({"scopes": ["Only an admin's token can have admin."]})
        user = self.caller()
        assert user is not None
        token, secret = services.create_token(
            user=user,
            name=values["name"],
            scopes=values["scopes"],
            shelter=shelter,
            expires_at=values.get("expires_at"),
        )
        return Response(TokenSerializer(token).data | {"token": secret}, status=201)


class OneToken(Call):
    authentication_classes = [SessionAuthentication]
    permission_classes = [SignedIn]

    @extend_schema(operation_id="tokens_delete", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revokes a token at once."""
        own = ApiToken.objects.filter(user=request.user, revoked_at=None)
        services.revoke_token(token=get_object_or_404(own, pk=token_id))
        return Response(status=204)
