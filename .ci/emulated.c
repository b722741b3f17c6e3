// Becomes EMULATED under EMULATOR, with the arguments and the environment untouched: for machines whose kernel does not do
// that by itself (binfmt_misc).

#include <stdio.h>
#include <unistd.h>

int main(int count, char **given) {
    char *arguments[count + 2];
    arguments[0] = EMULATOR;
    arguments[1] = EMULATED;
    for (int index = 1; index <= count; index++) {
        arguments[index + 1] = given[index];
    }
    execv(EMULATOR, arguments);
    perror(EMULATOR);
    return 126;
}
