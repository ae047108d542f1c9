// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.variables.VariablesPlugin;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchManager;
import org.snapback.core.Failure;
import org.snapback.debug.DebugPreferences;
import org.snapback.debug.LaunchAttributes;

/**
 * What a launch configuration of ours says, with its variables replaced and its files checked.
 *
 * @param program null: none
 * @param gdbCommands to begin with
 */
record LaunchSettings(
        Path program,
        List<String> arguments,
        Path folder,
        Map<String, String> environment,
        String gdb,
        List<String> gdbCommands,
        boolean auto,
        int autoCap,
        boolean rewindFiles) {

    /** The Console view is no terminal: programs must not paint on it. */
    private static final String TERMINAL_TYPE = "dumb";

    static LaunchSettings of(ILaunchConfiguration configuration) throws CoreException {
        Path program = program(configuration);
        String arguments = text(configuration, LaunchAttributes.ARGUMENTS);
        return new LaunchSettings(
                program,
                List.of(DebugPlugin.parseArguments(arguments)),
                folder(configuration, program),
                environment(configuration),
                gdb(configuration),
                text(configuration, LaunchAttributes.GDB_COMMANDS)
                        .lines()
                        .filter(line -> !line.isBlank())
                        .toList(),
                configuration.getAttribute(LaunchAttributes.AUTO, DebugPreferences.auto()),
                autoCap(configuration),
                rewindFiles(configuration));
    }

    static boolean rewindFiles(ILaunchConfiguration configuration) throws CoreException {
        return configuration.getAttribute(LaunchAttributes.REWIND_FILES, false);
    }

    static int autoCap(ILaunchConfiguration configuration) throws CoreException {
        return configuration.getAttribute(LaunchAttributes.AUTO_CAP, DebugPreferences.autoCap());
    }

    private static Path program(ILaunchConfiguration configuration) throws CoreException {
        String name = text(configuration, LaunchAttributes.PROGRAM);
        if (name.isBlank()) {
            return null;
        }
        Path program = Path.of(name);
        if (!program.isAbsolute() || !Files.isRegularFile(program)) {
            throw Failure.START_FAILED.exception("The program " + name
                    + " is not there. Correct its full path on the Main tab of the launch configuration, or build it.");
        }
        if (!Files.isExecutable(program)) {
            throw Failure.START_FAILED.exception("The program " + name
                    + " is not executable. Give it that permission, or choose another on the Main tab.");
        }
        return program;
    }

    private static Path folder(ILaunchConfiguration configuration, Path program) throws CoreException {
        String name = text(configuration, LaunchAttributes.WORKING_DIRECTORY);
        if (name.isBlank()) {
            return program == null ? home() : program.getParent();
        }
        Path folder = Path.of(name);
        if (!folder.isAbsolute() || !Files.isDirectory(folder)) {
            throw Failure.START_FAILED.exception("The working directory " + name
                    + " is not there. Correct it in the launch configuration, or leave it empty.");
        }
        return folder;
    }

    /** Not every account has a home that is there. */
    private static Path home() {
        Path home = Path.of(System.getProperty("user.home"));
        return Files.isDirectory(home) ? home : Path.of("/");
    }

    private static String gdb(ILaunchConfiguration configuration) throws CoreException {
        String gdb = text(configuration, LaunchAttributes.GDB).trim();
        return gdb.isEmpty() ? DebugPreferences.gdb() : gdb;
    }

    private static Map<String, String> environment(ILaunchConfiguration configuration) throws CoreException {
        Map<String, String> environment = new LinkedHashMap<>();
        String[] configured = DebugPlugin.getDefault().getLaunchManager().getEnvironment(configuration);
        if (configured == null) {
            environment.putAll(System.getenv());
        } else {
            for (String variable : configured) {
                String[] parts = variable.split("=", 2);
                environment.put(parts[0], parts.length > 1 ? parts[1] : "");
            }
        }
        Map<String, String> chosen =
                configuration.getAttribute(ILaunchManager.ATTR_ENVIRONMENT_VARIABLES, Map.<String, String>of());
        if (!chosen.containsKey("TERM")) {
            environment.put("TERM", TERMINAL_TYPE);
        }
        return environment;
    }

    /** The image that a configuration names, with its variables replaced. */
    static Path image(ILaunchConfiguration configuration) throws CoreException {
        String name = text(configuration, LaunchAttributes.IMAGE);
        if (name.isBlank()) {
            throw Failure.START_FAILED.exception(
                    "No image is named. Choose one on the Main tab of the launch configuration.");
        }
        return Path.of(name);
    }

    private static String text(ILaunchConfiguration configuration, String attribute) throws CoreException {
        String value = configuration.getAttribute(attribute, "");
        return VariablesPlugin.getDefault().getStringVariableManager().performStringSubstitution(value);
    }

    /** The program and its arguments, as a command line takes them. */
    List<String> programCommand() {
        List<String> command = new ArrayList<>();
        if (program != null) {
            command.add(program.toString());
            command.addAll(arguments);
        }
        return command;
    }
}
