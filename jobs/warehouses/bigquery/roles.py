"""How to make an account of Google Cloud's that may query BigQuery and do nothing else there."""

import shlex


def statements_for_a_right_role(project: str, dataset: str, account: str) -> str:
    """What an administrator of the project runs, once: gcloud for the account, SQL for the dataset."""
    member = f"serviceAccount:{account}@{project}.iam.gserviceaccount.com"
    binding = f"gcloud projects add-iam-policy-binding {shlex.quote(project)} --member={shlex.quote(member)}"
    return f"""\
# In a shell; then download a key of the account as JSON: it is the Warehouse's secret.
gcloud iam service-accounts create {account} --project={shlex.quote(project)}
{binding} --role=roles/bigquery.jobUser
{binding} --role=roles/bigquery.readSessionUser
# In BigQuery, for each dataset that Audiences read from:
GRANT `roles/bigquery.dataViewer` ON SCHEMA {_quoted(project)}.{_quoted(dataset)} TO "{_in_quotes(member)}";
"""


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _in_quotes(value: str) -> str:
    """What stands between the quotes of a text."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
