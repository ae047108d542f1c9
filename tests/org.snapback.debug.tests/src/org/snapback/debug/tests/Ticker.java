// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.tests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The program that the tests debug: calls tick() so many times, a hundredth of a second apart, and exits with 3. */
final class Ticker {

    private static final String SOURCE =
            """
            #include <stdlib.h>
            #include <unistd.h>

            int ticks;

            void tick(void) {
              ticks++;
            }

            int main(int argc, char **argv) {
              int limit = argc > 1 ? atoi(argv[1]) : 100000;
              while (ticks < limit) {
                tick();
                usleep(10000);
              }
              return 3;
            }
            """;

    private Ticker() {}

    /** @return the program's file */
    static Path build(Path folder) throws IOException, InterruptedException {
        Path source = Files.writeString(folder.resolve("ticker.c"), SOURCE);
        Path program = folder.resolve("ticker");
        Process compiler = new ProcessBuilder(
                        List.of("cc", "-g", "-O0", "-o", program.toString(), source.toString()))
                .inheritIO()
                .start();
        if (compiler.waitFor() != 0) {
            throw new IOException("cc cannot compile " + source);
        }
        return program;
    }
}
