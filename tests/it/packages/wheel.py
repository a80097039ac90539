# wheel.py NAME VERSION PROGRAM REQUIREMENT...: packs the folder NAME into a wheel; prints its file's name and SHA-256.
import base64, hashlib, os, sys, zipfile

name, version, program, *requirements = sys.argv[1:]
files = {}
for folder, _, names in os.walk(name):
    for file in names:
        path = os.path.join(folder, file)
        files[os.path.relpath(path, name)] = open(path, "rb").read()
info = f"{name}-{version}.dist-info"
lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
of_python = [requirement for requirement in requirements if requirement.startswith("python")]
lines += [f"Requires-Python: {requirement[len('python'):]}" for requirement in of_python]
lines += [f"Requires-Dist: {requirement}" for requirement in requirements if requirement not in of_python]
files[f"{info}/METADATA"] = "\n".join(lines + [""]).encode()
files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
if program != "-":
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{program}\n".encode()
hashed = lambda data: "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
record = "".join(f"{path},{hashed(data)},{len(data)}\n" for path, data in files.items())
files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
wheel = f"{name}-{version}-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as packed:
    for path, data in files.items():
        packed.writestr(path, data)
print(wheel, hashlib.sha256(open(wheel, "rb").read()).hexdigest())
