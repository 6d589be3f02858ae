"""Times ONNX Runtime on a graph of write_onnx.py; prints one JSON object."""
import argparse
import time

import onnxruntime

import fixed_input
import model_folder
import report

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('folder')
parser.add_argument('graph')
parser.add_argument('--batch', type=int, default=1)
parser.add_argument('--runs', type=int, default=5)
parser.add_argument('--threads', type=int, default=2)
parser.add_argument('--spin', choices=('0', '1'), default='1', help='whether idle threads spin')
parser.add_argument('--output', help='write the output as raw float32')
options = parser.parse_args()

settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = options.threads
settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
settings.add_session_config_entry('session.intra_op.allow_spinning', options.spin)
settings.log_severity_level = 3

begin = time.perf_counter()
session = onnxruntime.InferenceSession(options.graph, settings, providers=['CPUExecutionProvider'])
start_ms = (time.perf_counter() - begin) * 1e3

x, timesteps = fixed_input.fixed_input(model_folder.read_config(options.folder), options.batch)
times_ms, outputs = report.measure(lambda: session.run(None, {'x': x, 'timesteps': timesteps}), options.runs)
if options.output:
    outputs[0].tofile(options.output)
report.report(times_ms, start_ms=start_ms, version=onnxruntime.__version__)
