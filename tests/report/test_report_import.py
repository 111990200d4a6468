import subprocess
import sys


def test_reports_load_neither_jax_nor_torch_nor_matplotlib():
    code = (
        "import sys, thalweg.report; no = ('jax', 'torch', 'matplotlib', 'pandas', 'thalweg.store', 'thalweg.study'); "
        "print([name for name in no if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
