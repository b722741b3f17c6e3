// Runs the program EMULATED under EMULATOR with unchanged arguments and environment, for machines whose kernel does not
// start foreign binaries under an emulator (binfmt_misc).

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char *arguments[argc + 2];
    arguments[0] = EMULATOR;
    arguments[1] = EMULATED;
    for (int index = 1; index <= argc; index++) {
        arguments[index + 1] = argv[index];
    }
    execv(EMULATOR, arguments);
    perror(EMULATOR);
    return 126;
}
