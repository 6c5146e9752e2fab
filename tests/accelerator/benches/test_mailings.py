"""What is sent: enough batches for two senders, a message of about 6 KB for everybody."""

from accelerator import protocol, rendering
from accelerator.benches import mailings


def test_there_are_at_least_two_batches_and_every_address_is_another() -> None:
    for recipients in (1, 3, 25_000):
        load = mailings.load(recipients)
        tables = [protocol.decode_batch(data) for data in load.batches]
        addresses = [address for table in tables for address in table["email"].to_pylist()]
        assert load.records == len(addresses) == len(set(addresses)) == recipients
        assert len(load.batches) >= min(2, recipients)
        assert all(entry.records <= mailings.BATCH for entry in load.request.batches)


def test_the_message_is_personal_and_as_large_as_a_newsletter() -> None:
    template = mailings.INSTRUCTIONS.template
    compiled = rendering.compile_template(subject=template.subject, html=template.html, text=template.text)
    record = protocol.decode_batch(mailings.load(3).batches[0]).to_pylist()[0]
    assert compiled.variables <= set(record)
    assert template.html.count("{{ first_name }}") == 8
    assert 5_000 < len(template.html + template.text) < 7_000
