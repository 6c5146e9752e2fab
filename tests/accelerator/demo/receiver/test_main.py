"""Starting: what is wrong is said in a sentence."""

import socket
import subprocess
import sys
from pathlib import Path


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "accelerator.demo.receiver", *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=Path(__file__).parents[4],
    )


def test_a_taken_port_gets_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for ports in (("--smtp-port", port, "--http-port", "0"), ("--smtp-port", "0", "--http-port", port)):
            ended = run("--folder", str(tmp_path), *ports)
            assert ended.returncode == 1
            assert ended.stderr.strip() == (
                f"The mail receiver cannot start: port {port} is taken by another program; choose another one"
            )


def test_an_unusable_folder_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run("--folder", str(tmp_path / "file" / "mail"), "--smtp-port", "0", "--http-port", "0")
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        f"The mail receiver cannot start: the folder {tmp_path}/file/mail cannot be used"
    )
    assert "Traceback" not in ended.stderr


def test_a_useless_option_gets_a_sentence(tmp_path: Path) -> None:
    for option, value, sentence in (
        ("--engagement-minutes", "soon", '"soon" is no number of minutes'),
        ("--engagement-minutes", "-1", '"-1" is no number of minutes'),
        ("--engagement-minutes", "inf", '"inf" is no number of minutes'),
        ("--tracking-origin", "links.x.example", '"links.x.example" is no address of a server'),
    ):
        ended = run("--folder", str(tmp_path), "--smtp-port", "0", "--http-port", "0", f"{option}={value}")
        assert ended.returncode == 2
        assert f"argument {option}: {sentence}" in ended.stderr
        assert "Traceback" not in ended.stderr
