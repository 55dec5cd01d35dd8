# Flask's session as its documentation shows it: a signed cookie contains the user as JSON.
# With a file of users as argument it prints a cookie for each of them instead.
import json
import sys

from flask import Flask, jsonify, session

app = Flask(__name__)
app.secret_key = "0123456789abcdef0123456789abcdef"


@app.get("/")
def current_user():
    if "user" not in session:
        return "", 401
    return jsonify(user=session["user"], session=session["session"])


if __name__ == "__main__":
    seal = app.session_interface.get_signing_serializer(app).dumps
    with open(sys.argv[1]) as users:
        print(json.dumps(["session=" + seal(user) for user in json.load(users)]))
