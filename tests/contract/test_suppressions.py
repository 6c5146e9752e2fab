"""The suppression list: added to, read in pages, removed from."""

import uuid

from tests.contract.caller import Caller, refusal


def everything(cloud: Caller) -> list[str]:
    """All addresses of the list, by its pages."""
    found: list[str] = []
    after: object = 0
    while after is not None:
        page = cloud.get(f"/v1/suppressions?after={after}&limit=2").json()
        found += [entry["address"] for entry in page["suppressions"]]
        after = page["next"]
    return found


def test_addresses_are_added_once_and_removed(cloud: Caller) -> None:
    names = [f"{uuid.uuid4()}@list.example" for _ in range(5)]
    wanted = {"addresses": [*names, names[0].upper()]}
    assert cloud.call("POST", "/v1/suppressions", wanted).json() == {"changed": 5}
    assert cloud.call("POST", "/v1/suppressions", wanted).json() == {"changed": 0}
    assert set(names) <= set(everything(cloud))
    assert cloud.call("DELETE", "/v1/suppressions", wanted).json() == {"changed": 5}
    assert not set(names) & set(everything(cloud))


def test_what_is_no_address_changes_nothing(cloud: Caller) -> None:
    name = f"{uuid.uuid4()}@list.example"
    response = cloud.call("POST", "/v1/suppressions", {"addresses": [name, "no address"]})
    assert refusal(response) == (422, "invalid")
    assert "no address" not in response.json()["detail"].replace("not an address", "")
    assert name not in everything(cloud)
    assert refusal(cloud.call("POST", "/v1/suppressions", {"addresses": "a@b.example"})) == (422, "invalid")


def test_addresses_are_looked_up_without_standing_in_a_url(cloud: Caller) -> None:
    listed, free = f"{uuid.uuid4()}@list.example", f"{uuid.uuid4()}@list.example"
    cloud.call("POST", "/v1/suppressions", {"addresses": [listed]})
    response = cloud.call("POST", "/v1/suppressions/search", {"addresses": [listed.upper(), free]})
    (found,) = response.json()["suppressions"]
    assert (found["address"], found["reason"]) == (listed, "added")
    assert refusal(cloud.call("POST", "/v1/suppressions/search", {"addresses": ["no"]})) == (422, "invalid")
