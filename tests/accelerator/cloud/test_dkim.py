"""Messages are signed as their domain's own; somebody else's program says whether the signature holds."""

import email
import email.policy
import stat
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import dkim as verifier
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import settings as searching
from hypothesis import strategies as st
from pytest_django import Settings

from accelerator import protocol
from accelerator.cloud import composing, dkim, health
from accelerator.cloud.models import Mailing
from accelerator.rendering import Rendered
from tests.accelerator.cloud.mailings import addresses, counts, make_due, send, submit
from tests.mail import MailReceiver

DOMAIN = "shop.example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key of each kind, as the command makes them."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(autouse=True)
def keys(folder: Path, settings: Settings) -> list[dkim.Signer]:
    settings.DKIM_KEYS = str(folder)
    if not any(folder.iterdir()):
        call_command("dkim", DOMAIN, stdout=StringIO())
    return dkim.signers()


def dns(signers: list[dkim.Signer]) -> Callable[..., bytes | None]:
    """What the records say, to whoever asks for their name."""
    published = {f"{signer.record}.".encode(): signer.published.encode() for signer in signers}

    def answer(name: bytes, timeout: int = 5) -> bytes | None:
        return published.get(name)

    return answer


def holds(message: bytes, signers: list[dkim.Signer]) -> list[bool]:
    """Whether each signature of the message holds, the first first."""
    count = message.count(b"\r\nDKIM-Signature:") + message.startswith(b"DKIM-Signature:")
    checked = []
    for index in range(count):
        try:
            checked.append(verifier.DKIM(message).verify(idx=index, dnsfunc=dns(signers)))
        except verifier.ValidationError:
            checked.append(False)
    return checked


def composed(rendered: Rendered, *, eight_bit: bool = True, name: str = "Alice's shop") -> bytes:
    sender = protocol.Sender(from_name=name, from_address=f"news@{DOMAIN}", reply_to="help@shop.example")
    skeleton = composing.compile_skeleton(Mailing().key, sender, b"secret")
    return composing.compose(
        skeleton,
        rendered,
        to="bob@customers.example",
        message_id="<1@shop.example>",
        unsubscribe_url="https://cloud.example/u/abc",
        date="Thu, 26 Nov 2026 12:00:00 +0000",
        eight_bit=eight_bit,
    )


PLAIN = Rendered.of(subject="News", html="<p>Dear Bob</p>\n", text="Dear Bob\n")


def test_a_signature_of_each_kind_holds(keys: list[dkim.Signer]) -> None:
    message = dkim.signed(composed(PLAIN), dkim.of(DOMAIN))
    assert sorted(signer.kind for signer in keys) == ["ed25519", "rsa"]
    assert holds(message, keys) == [True, True]
    assert max(map(len, message.split(b"\r\n"))) <= 998


letters = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
spaced = st.text(st.sampled_from(" \t\n\r.aé=?"), max_size=60)


@given(
    subject=letters | spaced,
    html=letters | spaced,
    text=letters | spaced,
    eight_bit=st.booleans(),
    name=letters,
)
@searching(max_examples=40, deadline=None)
def test_it_holds_whatever_stands_in_the_message(
    subject: str, html: str, text: str, eight_bit: bool, name: str
) -> None:
    signers = list(dkim.of(DOMAIN))
    rendered = Rendered.of(subject=" ".join(subject.split()), html=html, text=text)
    try:
        message = composed(rendered, eight_bit=eight_bit, name=name)
    except ValueError:
        return
    assert holds(dkim.signed(message, signers), signers) == [True] * len(signers)


@given(body=st.text(st.sampled_from(" \t\r\n.a"), max_size=40))
@searching(max_examples=200, deadline=None)
def test_a_body_is_brought_to_the_form_that_others_bring_it_to(body: str) -> None:
    data = body.replace("\r", "").replace("\n", "\r\n").encode() + b"\r\n"
    assert dkim._canonical_body(data) == verifier.canonicalization.Relaxed.canonicalize_body(data)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"List-Unsubscribe: <https://", b"List-Unsubscribe: <http://"),
        (b"One-Click", b"Two-Click"),
        (b"Subject: News", b"Subject: Views"),
        (b"To: bob", b"To: ann"),
        (b"Dear Bob", b"Dear Ann"),
        (b"\r\nSubject: News", b"\r\nSubject: News\r\nSubject: Views"),
        (b"\r\nTo:", b"\r\nFrom: mallory@shop.example\r\nTo:"),
    ],
)
def test_what_is_altered_holds_no_more(keys: list[dkim.Signer], right: bytes, wrong: bytes) -> None:
    message = dkim.signed(composed(PLAIN), keys)
    assert message.count(right) >= 1
    altered = message.replace(right, wrong, 1) if right != b"Dear Bob" else message.replace(right, wrong)
    assert holds(altered, keys) == [False, False]


def test_a_domain_is_signed_for_by_its_own_keys_or_those_above(tmp_path: Path, settings: Settings) -> None:
    assert {signer.domain for signer in dkim.of("mail.SHOP.example")} == {DOMAIN}
    assert dkim.of("example") == dkim.of("workshop.example") == dkim.of("other.example") == ()
    settings.DKIM_KEYS = str(tmp_path)
    for domain in ("shop.example", "mail.shop.example"):
        call_command("dkim", domain, "--kind", "ed25519", stdout=StringIO())
    assert [signer.domain for signer in dkim.of("mail.shop.example")] == ["mail.shop.example"]


def test_the_command_makes_keys_and_says_what_to_publish(tmp_path: Path, settings: Settings) -> None:
    settings.DKIM_KEYS = str(tmp_path)
    said = StringIO()
    call_command("dkim", "Shop.example", "--selector", "s1", stdout=said)
    rsa_line, ed_line = said.getvalue().splitlines()
    assert rsa_line.startswith('s1._domainkey.shop.example. IN TXT "v=DKIM1; k=rsa; p=')
    assert rsa_line.count('" "') == 1
    assert ed_line.startswith('s1e._domainkey.shop.example. IN TXT "v=DKIM1; k=ed25519; p=')
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    with pytest.raises(CommandError, match="is there already"):
        call_command("dkim", "shop.example", "--selector", "s1", stdout=StringIO())
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(CommandError, match="is no selector"):
        call_command("dkim", "shop.example", "--selector", "../s", stdout=StringIO())
    with pytest.raises(CommandError, match="cannot exist"):
        call_command("dkim", "shop", stdout=StringIO())
    settings.DKIM_KEYS = str(tmp_path / "missing")
    with pytest.raises(CommandError, match="can't be written"):
        call_command("dkim", "shop.example", stdout=StringIO())
    settings.DKIM_KEYS = str(tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match="holds no key"):
        call_command("dkim", stdout=StringIO())
    settings.DKIM_KEYS = ""
    with pytest.raises(CommandError, match="Set DKIM_KEYS"):
        call_command("dkim", stdout=StringIO())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s1._domainkey.shop.example.pem", b"nonsense", "can't be read as a private key"),
        ("shop.example.pem", b"", "is not named like a record"),
        (
            "s1._domainkey.shop.example.pem",
            _pem(ec.generate_private_key(ec.SECP256R1())),
            "no RSA or Ed25519",
        ),
    ],
)
def test_a_key_that_cant_be_used_is_said(
    tmp_path: Path, settings: Settings, name: str, content: bytes, said: str
) -> None:
    settings.DKIM_KEYS = str(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(dkim.KeyUnusable, match=said):
        dkim.of(DOMAIN)


@pytest.mark.django_db(transaction=True)
def test_what_arrives_is_signed(receiver: MailReceiver, keys: list[dkim.Signer]) -> None:
    mailing = submit(addresses(3))
    send()
    assert counts(mailing) == {"delivered": 3}
    for _, _, content in receiver.messages:
        assert holds(content, keys) == [True, True]
        assert email.message_from_bytes(content, policy=email.policy.default)["List-Unsubscribe-Post"]


@pytest.mark.django_db(transaction=True)
def test_nothing_goes_out_unsigned_by_mistake(
    receiver: MailReceiver, tmp_path: Path, settings: Settings, keys: list[dkim.Signer]
) -> None:
    good = settings.DKIM_KEYS
    settings.DKIM_KEYS = str(tmp_path)
    (tmp_path / f"s1._domainkey.{DOMAIN}.pem").write_bytes(b"half a key")
    mailing = submit(addresses(3))
    send()
    assert not receiver.messages
    held = Mailing.objects.get(key=mailing.key)
    assert "can't be read as a private key" in held.held_reason
    assert "nothing is sent unsigned" in held.held_reason
    [part] = [part for part in health._signatures() if not part.ok]
    assert "Mailings are held" in part.sentence
    settings.DKIM_KEYS = good
    mailing.batches.update(leased_until=None)
    make_due(mailing)
    send()
    assert [holds(content, keys) for *_, content in receiver.messages] == [[True, True]] * 3


def test_the_doctor_shows_the_records(keys: list[dkim.Signer]) -> None:
    said = [part.sentence for part in health._signatures()]
    assert len(said) == 2
    for signer, sentence in zip(keys, said, strict=True):
        assert signer.line in sentence
        assert f"Messages from {DOMAIN} are signed" in sentence


def test_without_a_folder_nothing_is_signed(settings: Settings) -> None:
    settings.DKIM_KEYS = ""
    assert dkim.of(DOMAIN) == ()
    assert dkim.signed(b"x", ()) == b"x"
    assert "not signed" in health._signatures()[0].sentence
