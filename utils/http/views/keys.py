"""Views of API keys: list, make, revoke."""

from __future__ import annotations

from models.lstm_service import LSTMService
from utils.api.replies.base import MessageReply
from utils.api.replies.keys import KeysReply, NewKeyReply
from utils.api.schemas.keys import KeyRequest
from utils.http import audit
from utils.http.views.declaration import Views

views = Views("Keys")


@views.get("/api/keys", reply=KeysReply, role="admin")
def list_keys(service: LSTMService) -> KeysReply:
    """List the API keys.

    Every key that was ever made, newest first, with its role and state. The keys themselves are
    not stored.
    """
    return service.keys.all()


@views.post("/api/keys", reply=NewKeyReply, request=KeyRequest, role="admin", action="key.create")
def create_key(service: LSTMService, request: KeyRequest) -> NewKeyReply:
    """Make an API key.

    The reply shows the key, once: only its hash is stored. The first key of a service, from which
    on calls take a key, is made on the command line (`python run.py keys create`): a 409 here.
    """
    reply = service.keys.add(request)
    audit.about(reply.key_id)
    return reply


@views.delete("/api/keys/<key_id>", reply=MessageReply, role="admin", action="key.revoke")
def revoke_key(service: LSTMService, key_id: str) -> MessageReply:
    """Revoke an API key.

    Calls with it are refused within seconds, and its event streams end. The key that the call is
    made with cannot be revoked: that is a 409.
    """
    return service.keys.revoke(key_id)
