"""Workers are asked and told things by broadcast."""

from session import app, until, worker

with worker(instance=1), worker(instance=2) as second:
    nodes = {"remote_control1@here", "remote_control2@here"}
    until(lambda: {node for answer in app.control.ping(timeout=1) for node in answer} == nodes)
    queues = app.control.inspect(list(nodes), timeout=5).active_queues()
    assert [queue["name"] for of in queues.values() for queue in of] == ["remote_control"] * 2
    answers = app.control.rate_limit("session.add", "10/s", reply=True, timeout=5)
    assert len(answers) == 2 and all("ok" in said for answer in answers for said in answer.values()), answers
    app.control.shutdown(destination=["remote_control2@here"])
    until(lambda: second.poll() is not None)
