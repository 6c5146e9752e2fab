"""The suppression list: added to, read in pages, removed from."""

import uuid

from tests.contract.caller import Caller, refusal


def everything(cloud: Caller, account: str = "") -> list[str]:
    """All addresses of an account's list, or everybody's, by its pages."""
    found: list[str] = []
    after: object = 0
    while after is not None:
        page = cloud.get(f"/v1/suppressions?after={after}&limit=2&account={account}").json()
        assert {entry["account"] for entry in page["suppressions"]} <= {account}
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


def test_the_lists_of_accounts_and_everybodys_are_apart(cloud: Caller) -> None:
    name, mine, other = (f"{uuid.uuid4()}@list.example", str(uuid.uuid4()), str(uuid.uuid4()))
    lists = ("", mine)
    wanted = {account: {"addresses": [name], "account": account} for account in (*lists, other)}
    for account in lists:
        assert cloud.call("POST", "/v1/suppressions", wanted[account]).json() == {"changed": 1}
        assert cloud.call("POST", "/v1/suppressions", wanted[account]).json() == {"changed": 0}
    assert everything(cloud, mine) == [name]
    assert everything(cloud, other) == []
    for account in lists:
        (entry,) = cloud.call("POST", "/v1/suppressions/search", wanted[account]).json()["suppressions"]
        assert (entry["address"], entry["account"]) == (name, account)
    assert cloud.call("POST", "/v1/suppressions/search", wanted[other]).json()["suppressions"] == []
    assert cloud.call("DELETE", "/v1/suppressions", wanted[other]).json() == {"changed": 0}
    assert cloud.call("DELETE", "/v1/suppressions", wanted[mine]).json() == {"changed": 1}
    assert everything(cloud, mine) == []
    assert name in everything(cloud)
    assert cloud.call("DELETE", "/v1/suppressions", wanted[""]).json() == {"changed": 1}


def test_what_could_be_no_account_is_refused(cloud: Caller) -> None:
    for wrong in ("a b", "x" * 65, 7):
        document = {"addresses": ["ann@list.example"], "account": wrong}
        for method, path in (("POST", ""), ("DELETE", ""), ("POST", "/search")):
            assert refusal(cloud.call(method, f"/v1/suppressions{path}", document)) == (422, "invalid")
    assert refusal(cloud.get("/v1/suppressions?account=a%20b")) == (422, "invalid")
