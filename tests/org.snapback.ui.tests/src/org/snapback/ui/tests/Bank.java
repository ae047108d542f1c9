// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.tests;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The sample bank, compiled for these tests alone. */
final class Bank {

    private Bank() {}

    /** @param folder where the program goes */
    static Path compile(Path folder) throws IOException, InterruptedException {
        Path source = Path.of(System.getProperty("snapback.samples"), "bank", "bank.c");
        Path program = folder.resolve("bank");
        Process compiler = new ProcessBuilder(List.of(
                        "cc", "-std=gnu17", "-g", "-O0", "-pthread", "-o", program.toString(), source.toString()))
                .inheritIO()
                .start();
        if (compiler.waitFor() != 0) {
            throw new IOException("The sample bank cannot be compiled: " + source);
        }
        return program;
    }
}
