// SPDX-License-Identifier: EPL-2.0
package org.snapback.debug.internal;

import java.nio.file.Path;
import java.util.List;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.Platform;
import org.eclipse.core.variables.VariablesPlugin;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.snapback.core.Failure;
import org.snapback.core.program.SessionCommand;
import org.snapback.debug.DebugPreferences;
import org.snapback.debug.LaunchAttributes;

/**
 * The gdb that a CDT launch would use by itself, and the command that runs it in a session.
 *
 * @param words the user's gdb and arguments of its own, if any
 * @param onHost it is to attach to a process that runs already
 */
record CdtGdbCommand(List<String> words, boolean onHost, boolean auto, int autoCap, boolean rewindFiles) {

    static CdtGdbCommand of(ILaunchConfiguration configuration, CdtLaunchType type) throws CoreException {
        String configured = configuration.getAttribute(Cdt.GDB_COMMAND, "");
        if (type == CdtLaunchType.CORE_BUILD && !configured.startsWith("/")) {
            throw Failure.BAD_REQUEST.exception("This kind of launch takes gdb from its toolchain. Enter the full path"
                    + " of gdb, such as /usr/bin/gdb, on the Debugger tab.");
        }
        String gdb = firstOf(
                configuration.getAttribute(LaunchAttributes.GDB, ""),
                configured,
                Platform.getPreferencesService().getString(Cdt.GDB_NODE, Cdt.GDB_COMMAND_PREFERENCE, "", null),
                DebugPreferences.gdb());
        String plain = VariablesPlugin.getDefault().getStringVariableManager().performStringSubstitution(gdb);
        return new CdtGdbCommand(
                List.of(DebugPlugin.parseArguments(plain)),
                type == CdtLaunchType.ATTACH,
                configuration.getAttribute(LaunchAttributes.AUTO, DebugPreferences.auto()),
                LaunchSettings.autoCap(configuration),
                LaunchSettings.rewindFiles(configuration));
    }

    private static String firstOf(String... candidates) {
        for (String candidate : candidates) {
            if (!candidate.isBlank()) {
                return candidate;
            }
        }
        return DebugPreferences.GDB_DEFAULT;
    }

    /** As CDT wants it: one line, which it splits like a shell before it adds arguments of its own. */
    String wrapped(Path program, Path socket) {
        List<String> command = SessionCommand.gdb(program, socket, words.get(0))
                .onHost(onHost)
                .auto(auto, autoCap)
                .rewindFiles(rewindFiles)
                .words(words.subList(1, words.size()))
                .toList();
        return DebugPlugin.renderArguments(command.toArray(String[]::new), null);
    }
}
