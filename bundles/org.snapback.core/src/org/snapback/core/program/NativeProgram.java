// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.program;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.FileLocator;
import org.eclipse.core.runtime.IPath;
import org.eclipse.core.runtime.Platform;
import org.osgi.framework.Bundle;
import org.osgi.framework.FrameworkUtil;
import org.snapback.core.Failure;

/** Finds the native program {@code snapback} that sessions are started with. */
public final class NativeProgram {

    /** A system property that names the program; looked at first. */
    public static final String PROPERTY = "snapback.native";

    /** An environment variable that names the program; looked at second. */
    public static final String VARIABLE = "SNAPBACK_NATIVE";

    private NativeProgram() {}

    /**
     * The program's file, ready to be run: as the property says, else the variable, else the fragment for this machine.
     *
     * @throws CoreException with NO_NATIVE_PROGRAM
     */
    public static Path locate() throws CoreException {
        String property = System.getProperty(PROPERTY);
        if (property != null && !property.isBlank()) {
            return named(property, "the system property " + PROPERTY);
        }
        String variable = System.getenv(VARIABLE);
        if (variable != null && !variable.isBlank()) {
            return named(variable, "the environment variable " + VARIABLE);
        }
        return shipped();
    }

    private static Path named(String file, String source) throws CoreException {
        Path program = Path.of(file).toAbsolutePath();
        if (!Files.isExecutable(program)) {
            throw Failure.NO_NATIVE_PROGRAM.exception("The native program " + program + ", named by " + source
                    + ", is not there or not executable. Correct the name, or take the setting away to use the program"
                    + " that comes with Snapback.");
        }
        return program;
    }

    private static Path shipped() throws CoreException {
        String entry = "os/" + Platform.getOS() + "/" + Platform.getOSArch() + "/snapback";
        Bundle core = FrameworkUtil.getBundle(NativeProgram.class);
        URL url = core == null ? null : FileLocator.find(core, IPath.forPosix(entry));
        if (url == null) {
            throw Failure.NO_NATIVE_PROGRAM.exception("Snapback has no native program for " + Platform.getOS() + " on "
                    + Platform.getOSArch() + ". It runs on Linux on x86_64; there, install the feature again.");
        }
        try {
            return executable(new File(FileLocator.toFileURL(url).getPath()).toPath());
        } catch (IOException e) {
            throw Failure.NO_NATIVE_PROGRAM.exception(
                    "The native program cannot be unpacked: " + e.getMessage()
                            + ". Make room and rights in Eclipse's configuration folder.",
                    e);
        }
    }

    /** An unpacked file has lost its permission; where it cannot be given back, a copy of the user's own is made. */
    private static Path executable(Path program) throws IOException {
        if (Files.isExecutable(program) || program.toFile().setExecutable(true, false)) {
            return program;
        }
        Path copy = Files.createTempDirectory("snapback").resolve("snapback");
        Files.copy(program, copy);
        copy.toFile().deleteOnExit();
        copy.getParent().toFile().deleteOnExit();
        if (!copy.toFile().setExecutable(true, true)) {
            throw new IOException("cannot make " + copy + " executable");
        }
        return copy;
    }
}
