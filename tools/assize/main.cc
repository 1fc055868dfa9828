// assize: one binary, one verb per file of this folder. Tests: tests/cli/.
#include "lib/support/progress.h"
#include "tools/assize/program.h"

int main(int argc, char** argv) {
  using namespace assize::cli;  // NOLINT(build/namespaces): the verbs' names, once
  assize::InstallInterruptHandler();
  Program program;
  AddBuild(program);
  AddVerify(program);
  AddGate(program);
  AddOpt(program);
  AddQuantize(program);
  AddPrune(program);
  AddEval(program);
  AddRun(program);
  AddBench(program);
  AddInspect(program);
  AddDiff(program);
  AddKey(program);
  AddPasses(program);
  AddList(program);
  return program.Main(argc, argv);
}
